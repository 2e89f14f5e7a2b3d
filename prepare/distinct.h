// Distinct strings, numbered in the order of their first appearance.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace limner {

class Distinct {
 public:
  Distinct() = default;
  Distinct(const Distinct&) = delete;  // values_ points into codes_
  Distinct& operator=(const Distinct&) = delete;
  Distinct(Distinct&&) = default;
  Distinct& operator=(Distinct&&) = default;

  int32_t code(const std::string& value) {
    const auto [entry, fresh] = codes_.try_emplace(value, static_cast<int32_t>(values_.size()));
    if (fresh) values_.push_back(&entry->first);
    return entry->second;
  }
  std::optional<int32_t> find(const std::string& value) const {
    const auto entry = codes_.find(value);
    return entry == codes_.end() ? std::nullopt : std::optional(entry->second);
  }
  int64_t size() const { return static_cast<int64_t>(values_.size()); }
  const std::string& operator[](int64_t code) const { return *values_[static_cast<size_t>(code)]; }

 private:
  std::unordered_map<std::string, int32_t> codes_;
  std::vector<const std::string*> values_;
};

// A column as it was read: its distinct values, and which of them each row has. -1: missing.
struct RawColumn {
  Distinct values;
  std::vector<int32_t> codes;
};

}  // namespace limner
