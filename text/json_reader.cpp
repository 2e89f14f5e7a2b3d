#include "text/json_reader.h"

#include <algorithm>
#include <limits>
#include <set>
#include <vector>

#include "runtime/error.h"
#include "runtime/files.h"
#include "runtime/json_limit.h"

namespace limner {

nlohmann::json read_sorted_json(const std::filesystem::path& path) {
  return parse_sorted_json(read_file(path), path.string());
}

nlohmann::json parse_sorted_json(std::string_view text, const std::string& file) {
  using Value = nlohmann::json;
  std::vector<std::set<std::string>> open_objects;
  const auto refuse_duplicates = [&](int depth, Value::parse_event_t event, Value& value) {
    if (depth > deepest_json) fail(ExitCode::bad_data, "{}: nested more than {} deep", file, deepest_json);
    if (event == Value::parse_event_t::object_start) open_objects.emplace_back();
    if (event == Value::parse_event_t::object_end) open_objects.pop_back();
    if (event == Value::parse_event_t::key && !open_objects.back().insert(value.get<std::string>()).second) {
      fail(ExitCode::bad_data, "{}: key {} stands twice in one object", file, value.dump());
    }
    return true;
  };
  try {
    return Value::parse(text, refuse_duplicates);
  } catch (const Value::parse_error& error) {
    fail(ExitCode::bad_data, "{}: not valid JSON at byte {}", file, error.byte);
  }
}

JsonObject::JsonObject(const nlohmann::json& value, std::string file, std::string name)
    : value_(value), file_(std::move(file)), name_(std::move(name)) {
  if (!value.is_object()) fail(ExitCode::bad_data, "{}: {} must be an object", file_, name_);
}

void JsonObject::allow_only(std::initializer_list<std::string_view> keys) const {
  for (const auto& [key, value] : value_.items()) {
    if (std::find(keys.begin(), keys.end(), key) == keys.end()) refuse(key, "is not supported");
  }
}

bool JsonObject::has(const std::string& key) const { return value_.contains(key) && !value_[key].is_null(); }

const nlohmann::json& JsonObject::at(const std::string& key) const {
  if (!value_.contains(key)) fail(ExitCode::bad_data, "{}: {} has no {}", file_, name_, key);
  return value_[key];
}

JsonObject JsonObject::object(const std::string& key) const { return {at(key), file_, name_ + "." + key}; }

std::string JsonObject::text(const std::string& key) const {
  if (!at(key).is_string()) refuse(key, "must be a text");
  return at(key).get<std::string>();
}

bool JsonObject::flag(const std::string& key) const {
  if (!at(key).is_boolean()) refuse(key, "must be true or false");
  return at(key).get<bool>();
}

int64_t JsonObject::count(const std::string& key) const {
  const nlohmann::json& value = at(key);
  if (!value.is_number_unsigned() || value.get<uint64_t>() > std::numeric_limits<int32_t>::max()) {
    refuse(key, "must be an integer from 0 to 2147483647");
  }
  return value.get<int64_t>();
}

void JsonObject::refuse(const std::string& key, std::string_view why) const {
  std::string shown = at(key).dump();
  if (shown.size() > 100) shown = shown.substr(0, 97) + "...";
  fail(ExitCode::bad_data, "{}: {}.{} = {}: {}", file_, name_, key, shown, why);
}

}  // namespace limner
