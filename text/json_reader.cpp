#include "text/json_reader.h"

#include <algorithm>

#include "runtime/error.h"
#include "runtime/files.h"
#include "runtime/json_parser.h"

namespace limner {

nlohmann::json read_sorted_json(const std::filesystem::path& path) {
  return parse_json<nlohmann::json>(read_file(path), path.string());
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
  if (!is_id(value)) refuse(key, "must be an integer from 0 to 2147483647");
  return value.get<int64_t>();
}

void JsonObject::refuse(const std::string& key, std::string_view why) const {
  std::string shown = at(key).dump();
  if (shown.size() > 100) shown = shown.substr(0, 97) + "...";
  fail(ExitCode::bad_data, "{}: {}.{} = {}: {}", file_, name_, key, shown, why);
}

}  // namespace limner
