// Memory owners, and the arena that a step's activations live in.
#pragma once

#include <initializer_list>
#include <memory>

#include "runtime/tensor.h"

namespace limner {

// Owns `bytes` of memory on one device, aligned to 64 bytes, zeroed. Movable. CUDA memory comes from the
// backend, which passes its own release function.
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(int64_t bytes);  // host memory, or OutOfMemory
  Buffer(void* memory, int64_t bytes, Device device, void (*release)(void*));
  void* data() const { return memory_.get(); }
  int64_t bytes() const { return bytes_; }
  Device device() const { return device_; }

 private:
  std::unique_ptr<void, void (*)(void*)> memory_{nullptr, [](void*) {}};
  int64_t bytes_ = 0;
  Device device_ = Device::cpu;
};

// Hands out slices of one buffer, never frees one alone, never allocates in a step. A default arena only
// counts: the code that lays out a step runs twice, first to measure, then to place. Slices are aligned to 64
// bytes.
class Arena {
 public:
  Arena() = default;                     // counts; the tensors it returns have null data and a shape
  explicit Arena(const Buffer& buffer);  // places; running out is an internal error with both sizes
  Tensor take(DType dtype, std::initializer_list<int64_t> dims);
  bool counting() const { return base_ == nullptr; }
  int64_t used_bytes() const { return used_; }
  int64_t high_water_bytes() const { return high_water_; }

  // Scratch: everything taken after mark() is given back by release(mark).
  int64_t mark() const { return used_; }
  void release(int64_t mark) { used_ = mark; }

 private:
  std::byte* base_ = nullptr;
  int64_t capacity_ = 0;
  int64_t used_ = 0;
  int64_t high_water_ = 0;
  Device device_ = Device::cpu;
};

}  // namespace limner
