#include "model/config_reader.h"

#include <limits>

namespace limner {

ConfigReader::ConfigReader(std::filesystem::path path) : path_(std::move(path)), json_(read_json(path_)) {
  if (!json_.is_object()) fail(ExitCode::bad_data, "{}: a JSON object is wanted", path_.string());
}

Json ConfigReader::value(const std::string& key) const {
  const auto found = json_.find(key);
  return found == json_.end() ? Json(nullptr) : *found;
}

int64_t ConfigReader::count(const std::string& key, std::optional<int64_t> otherwise) const {
  const Json found = value(key);
  if (found.is_null()) {
    if (!otherwise) missing(key);
    return *otherwise;
  }
  // 2^31: every size fits an i32, and a product of two fits an i64.
  if (!found.is_number_integer() || found < 1 || found > std::numeric_limits<int32_t>::max()) {
    refuse(key, "a whole number of at least 1 is wanted");
  }
  return found.get<int64_t>();
}

double ConfigReader::number(const std::string& key, double otherwise, Range range) const {
  const Json found = value(key);
  if (found.is_null()) return otherwise;
  if (!found.is_number() || found.get<double>() < range.low || found.get<double>() > range.high) {
    refuse(key, fmt::format("a number from {} to {} is wanted", range.low, range.high));
  }
  return found.get<double>();
}

std::string ConfigReader::text(const std::string& key, std::optional<std::string> otherwise) const {
  const Json found = value(key);
  if (found.is_null()) {
    if (!otherwise) missing(key);
    return *otherwise;
  }
  if (!found.is_string()) refuse(key, "a text is wanted");
  return found.get<std::string>();
}

bool ConfigReader::flag(const std::string& key, bool otherwise) const {
  const Json found = value(key);
  if (found.is_null()) return otherwise;
  if (!found.is_boolean()) refuse(key, "true or false is wanted");
  return found.get<bool>();
}

void ConfigReader::expect(const std::string& key, const Json& wanted, const std::string& why) const {
  const Json found = value(key);
  if (!found.is_null() && found != wanted) refuse(key, why);
}

void ConfigReader::refuse(const std::string& key, const std::string& why) const {
  fail(ExitCode::bad_data, "{}: {} is {}: {}", path_.string(), key, value(key).dump(), why);
}

void ConfigReader::missing(const std::string& key) const {
  fail(ExitCode::bad_data, "{}: {} is missing; is this a whole Hugging Face folder?", path_.string(), key);
}

}  // namespace limner
