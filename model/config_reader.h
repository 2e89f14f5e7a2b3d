// Reads the values of one JSON file of a checkpoint folder; every error names file, key and value.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "runtime/config.h"
#include "runtime/error.h"
#include "runtime/files.h"

namespace limner {

// A key that is absent or null has its default, or is refused where there is none.
class ConfigReader {
 public:
  explicit ConfigReader(std::filesystem::path path);
  const std::filesystem::path& path() const { return path_; }
  const Json& json() const { return json_; }

  Json value(const std::string& key) const;  // null when absent
  int64_t count(const std::string& key, std::optional<int64_t> otherwise = std::nullopt) const;  // at least 1
  double number(const std::string& key, double otherwise, Range range) const;
  std::string text(const std::string& key, std::optional<std::string> otherwise = std::nullopt) const;
  bool flag(const std::string& key, bool otherwise) const;
  // Neither absent nor null nor as wanted: refused.
  void expect(const std::string& key, const Json& wanted, const std::string& why) const;
  // bad_data: "<file>: <key> is <value>: <why>".
  [[noreturn]] void refuse(const std::string& key, const std::string& why) const;

 private:
  std::filesystem::path path_;
  Json json_;
  [[noreturn]] void missing(const std::string& key) const;
};

}  // namespace limner
