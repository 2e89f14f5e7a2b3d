// Strings of bytes with a number each, searched from their beginning.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "text/hash_table.h"

namespace limner {

class ByteTrie {
 public:
  static constexpr int32_t none = -1;
  static constexpr uint32_t root = 0, no_node = 0xFFFFFFFF;

  ByteTrie() : values_{none} {}

  // A later value replaces an earlier one.
  void insert(std::string_view bytes, int32_t value) {
    uint32_t node = root;
    for (const char byte : bytes) {
      uint32_t next = child(node, byte);
      if (next == no_node) {
        next = static_cast<uint32_t>(values_.size());
        values_.push_back(none);
        children_.insert(key_of(node, byte), next);
      }
      node = next;
    }
    values_[node] = value;
  }
  uint32_t child(uint32_t node, char byte) const {
    const uint32_t* found = children_.find(key_of(node, byte));
    return found == nullptr ? no_node : *found;
  }
  int32_t value(uint32_t node) const { return values_[node]; }
  int32_t find(std::string_view bytes) const {
    uint32_t node = root;
    for (const char byte : bytes) {
      node = child(node, byte);
      if (node == no_node) return none;
    }
    return values_[node];
  }

 private:
  HashTable<uint32_t> children_;
  std::vector<int32_t> values_;

  static uint64_t key_of(uint32_t node, char byte) {
    return static_cast<uint64_t>(node) << 8 | static_cast<uint8_t>(byte);
  }
};

}  // namespace limner
