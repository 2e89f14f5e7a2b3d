#include "runtime/buffer.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace limner {
namespace {

constexpr int64_t alignment_bytes = 64;  // a cache line, and the widest vector register

int64_t aligned(int64_t bytes) { return (bytes + alignment_bytes - 1) / alignment_bytes * alignment_bytes; }

}  // namespace

Buffer::Buffer(int64_t bytes) : bytes_(bytes) {
  require(bytes >= 0, "a buffer of {} bytes", bytes);
  // Never empty: an arena tells 'counting' from 'placing' by its pointer.
  const auto whole = static_cast<size_t>(std::max(aligned(bytes), alignment_bytes));
  void* memory = std::aligned_alloc(static_cast<size_t>(alignment_bytes), whole);
  if (memory == nullptr) {
    throw OutOfMemory(fmt::format(
        "out of memory: {} bytes wanted; run fewer ranks on this host, or a smaller model", bytes));
  }
  std::memset(memory, 0, whole);
  memory_ = {memory, [](void* pointer) { std::free(pointer); }};
}

Buffer::Buffer(void* memory, int64_t bytes, Device device, void (*release)(void*))
    : memory_(memory, release), bytes_(bytes), device_(device) {}

Arena::Arena(const Buffer& buffer)
    : base_(static_cast<std::byte*>(buffer.data())), capacity_(buffer.bytes()), device_(buffer.device()) {
  require(base_ != nullptr, "an arena wants a buffer with memory");
}

Tensor Arena::take(DType dtype, std::initializer_list<int64_t> dims) {
  Tensor tensor(nullptr, dtype, dims, device_);
  const int64_t first = aligned(used_);
  const int64_t end = first + tensor.bytes();
  if (!counting()) {
    if (end > capacity_) {
      fail(ExitCode::internal, "arena of {} bytes is full: {} wants bytes {} to {}", capacity_,
           tensor.description(), first, end);
    }
    tensor.data = base_ + first;
  }
  used_ = end;
  high_water_ = std::max(high_water_, used_);
  return tensor;
}

}  // namespace limner
