// Work cut into fixed blocks and dealt to the ranks in turn. Rank 0 takes the results in the order of the
// blocks, so what it computes from them is the same for any rank count.
#pragma once

#include <algorithm>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "runtime/communicator.h"
#include "runtime/error.h"
#include "runtime/interrupt.h"

namespace limner {

struct Blocks {
  int64_t total = 0;  // elements
  int64_t block = 1;  // elements a block
  const char* what = "";
};

// work(first, count) returns bytes, on the rank whose turn it is; take(first, count, bytes) runs on rank 0.
template <class Work, class Take>
void for_blocks(const Communicator& communicator, const Blocks& plan, Work&& work, Take&& take) {
  const int64_t ranks = communicator.size();
  const int64_t blocks = (plan.total + plan.block - 1) / plan.block;
  const auto count_of = [&](int64_t block) { return std::min(plan.block, plan.total - block * plan.block); };
  for (int64_t round = 0; round < blocks; round += ranks) {
    if (stop_agreed(communicator)) interrupted("profile");
    const int64_t mine = round + communicator.rank();
    const std::string bytes =
        mine < blocks ? std::string(work(mine * plan.block, count_of(mine))) : std::string();
    const std::vector<std::string> all = communicator.gather(bytes, 0, plan.what);
    if (!communicator.root()) continue;
    for (int64_t block = round; block < std::min(round + ranks, blocks); ++block) {
      take(block * plan.block, count_of(block), all[static_cast<size_t>(block - round)]);
    }
  }
}

// Values end to end in a byte string, and back.
class ByteWriter {
 public:
  template <class T>
  void values(std::span<const T> items) {
    static_assert(std::is_trivially_copyable_v<T>);
    value(static_cast<int64_t>(items.size()));
    if (items.empty()) return;
    bytes_.append(reinterpret_cast<const char*>(items.data()), items.size_bytes());
  }
  template <class T>
  void values(const std::vector<T>& items) {
    values(std::span<const T>(items));
  }
  void text(const std::string& item) { values(std::span<const char>(item.data(), item.size())); }
  template <class T>
  void value(T item) {
    static_assert(std::is_trivially_copyable_v<T>);
    bytes_.append(reinterpret_cast<const char*>(&item), sizeof(T));
  }
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

class ByteReader {
 public:
  explicit ByteReader(const std::string& bytes) : bytes_(bytes) {}
  bool done() const { return at_ == bytes_.size(); }
  template <class T>
  std::vector<T> values() {
    std::vector<T> items(static_cast<size_t>(value<int64_t>()));
    copy(items.data(), items.size() * sizeof(T));
    return items;
  }
  std::string text() {
    const std::vector<char> letters = values<char>();
    return {letters.begin(), letters.end()};
  }
  template <class T>
  T value() {
    T item;
    copy(&item, sizeof(T));
    return item;
  }

 private:
  void copy(void* to, size_t size) {
    require(size <= bytes_.size() - at_, "message of {} bytes ends early at {}", bytes_.size(), at_);
    if (size > 0) std::memcpy(to, bytes_.data() + at_, size);
    at_ += size;
  }
  const std::string& bytes_;
  size_t at_ = 0;
};

}  // namespace limner
