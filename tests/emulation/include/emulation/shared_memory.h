// Shared memory of the running block: fresh for each block, filled with 0xFF (NaN in f32 and bf16), of the
// exact size, with bytes after every array that AddressSanitizer watches. Device forms: kernels/cuda/gpu.h.
#pragma once

#include <cstddef>

#include "emulation/device.h"

namespace emulation {

void* named_shared_array(const void* key, size_t bytes, size_t alignment);
void* dynamic_shared_memory(size_t* bytes);  // poisoned until taken
void unpoison(const void* memory, size_t bytes);
// Fails unless the bytes lie in the running block's shared memory.
void check_shared(const void* memory, size_t bytes, const char* what);

inline constexpr size_t kArenaGapBytes = 1024;  // after each piece of a SharedArena
inline constexpr size_t kArenaPieces = 32;

}  // namespace emulation

#define SHARED_ARRAY(T, name, ...)                                \
  static char shared_key_of_##name;                               \
  using SharedTypeOf_##name = T __VA_ARGS__;                      \
  SharedTypeOf_##name& name = *static_cast<SharedTypeOf_##name*>( \
      ::emulation::named_shared_array(&shared_key_of_##name, sizeof(SharedTypeOf_##name), alignof(T)))

class SharedArena {
 public:
  SharedArena() : base_(static_cast<char*>(emulation::dynamic_shared_memory(&capacity_))) {}
  template <class T>
  T* take(size_t count, size_t alignment = 16) {
    used_ = (used_ + alignment - 1) / alignment * alignment;
    placed_ = (placed_ + alignment - 1) / alignment * alignment;
    T* piece = reinterpret_cast<T*>(base_ + placed_);
    const size_t bytes = count * sizeof(T);
    used_ += bytes;
    placed_ += bytes + emulation::kArenaGapBytes;
    if (used_ > capacity_) {
      emulation::fail("SharedArena: the kernel takes %zu bytes, the launch gave %zu", used_, capacity_);
    }
    if (++pieces_ > emulation::kArenaPieces) {
      emulation::fail("SharedArena: more than %zu pieces", emulation::kArenaPieces);
    }
    emulation::unpoison(piece, bytes);
    return piece;
  }

 private:
  size_t capacity_ = 0, used_ = 0, placed_ = 0,
         pieces_ = 0;  // before base_, whose initializer sets capacity_
  char* base_;
};
