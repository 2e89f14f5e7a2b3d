// A table from 64-bit keys to small values: open addressing, at most half full, nothing is ever removed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace limner {

template <class Value>
class HashTable {
 public:
  // Keys must differ from empty_key.
  static constexpr uint64_t empty_key = ~uint64_t{0};

  HashTable() { resize(64); }

  const Value* find(uint64_t key) const {
    for (size_t index = slot(key);; index = (index + 1) & (entries_.size() - 1)) {
      if (entries_[index].key == key) return &entries_[index].value;
      if (entries_[index].key == empty_key) return nullptr;
    }
  }
  // Keeps the first of two values with one key.
  void insert(uint64_t key, const Value& value) {
    if (2 * (size_ + 1) > entries_.size()) resize(2 * entries_.size());
    size_t index = slot(key);
    while (entries_[index].key != empty_key) {
      if (entries_[index].key == key) return;
      index = (index + 1) & (entries_.size() - 1);
    }
    entries_[index] = {key, value};
    ++size_;
  }

 private:
  struct Entry {
    uint64_t key = empty_key;
    Value value{};
  };
  std::vector<Entry> entries_;
  size_t size_ = 0;
  int shift_ = 0;  // 64 - log2(size of entries_)

  size_t slot(uint64_t key) const { return static_cast<size_t>((key * 0x9E3779B97F4A7C15u) >> shift_); }
  void resize(size_t size) {
    std::vector<Entry> old(size);
    old.swap(entries_);
    shift_ = 64;
    for (size_t s = size; s > 1; s /= 2) --shift_;
    size_ = 0;
    for (const Entry& entry : old) {
      if (entry.key != empty_key) insert(entry.key, entry.value);
    }
  }
};

}  // namespace limner
