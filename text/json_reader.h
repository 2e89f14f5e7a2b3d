// Strict reading of JSON objects: every key is known, every value has the type wanted, every complaint names
// both.
#pragma once

#include <filesystem>
#include <initializer_list>
#include <limits>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace limner {

// A whole file. nlohmann::json keeps objects sorted, so a vocabulary of 100,000 keys is read in a moment.
// Equal keys in one object and trailing bytes are bad_data.
nlohmann::json read_sorted_json(const std::filesystem::path& path);

// Of a token or a type: an integer from 0 to 2^31 - 1.
template <class Json>
bool is_id(const Json& value) {
  return value.is_number_unsigned() &&
         value.template get<uint64_t>() <= uint64_t{std::numeric_limits<int32_t>::max()};
}

// An object of a file, called `name` in messages.
class JsonObject {
 public:
  JsonObject(const nlohmann::json& value, std::string file, std::string name);

  void allow_only(std::initializer_list<std::string_view> keys) const;
  bool has(const std::string& key) const;  // and is not null
  const nlohmann::json& at(const std::string& key) const;
  JsonObject object(const std::string& key) const;
  std::string text(const std::string& key) const;
  bool flag(const std::string& key) const;
  int64_t count(const std::string& key) const;  // an integer from 0 to 2^31 - 1

  [[noreturn]] void refuse(const std::string& key, std::string_view why) const;
  const std::string& file() const { return file_; }

 private:
  const nlohmann::json& value_;
  std::string file_, name_;
};

}  // namespace limner
