// Scratch memory that only grows: after the largest batch was seen (or reserve() was told of it) a step
// allocates nothing.
#pragma once

#include <omp.h>

#include <cstddef>
#include <vector>

#include "runtime/buffer.h"

namespace limner {

class Scratch {
 public:
  // At least `bytes`; the former content is lost.
  std::byte* at_least(int64_t bytes) {
    if (buffer_.bytes() < bytes) buffer_ = Buffer(bytes);
    return static_cast<std::byte*>(buffer_.data());
  }

 private:
  Buffer buffer_;
};

class ThreadScratch {
 public:
  explicit ThreadScratch(int threads) : pieces_(static_cast<size_t>(threads)) {}
  // Outside parallel regions: makes every thread's piece at least this large.
  void ensure(int64_t bytes) {
    for (Scratch& piece : pieces_) piece.at_least(bytes);
  }
  // Inside a parallel_for of the backend's threads: the calling thread's piece.
  std::byte* mine() { return pieces_[static_cast<size_t>(omp_get_thread_num())].at_least(0); }

 private:
  std::vector<Scratch> pieces_;
};

}  // namespace limner
