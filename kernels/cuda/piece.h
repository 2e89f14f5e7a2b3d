// Calls of the CUDA runtime, written down to be made later.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <source_location>
#include <vector>

namespace limner {

struct GatheredCall {
  void (*make)(const GatheredCall& call, const std::byte* content, cudaStream_t stream);
  // A kernel: where each of its arguments lies in its content. Null: another call, its content is all of it.
  void (*arguments)(const std::byte* content, void** pointers);
  const void* kernel;
  dim3 grid, block;
  size_t shared_bytes;
  size_t begin, bytes;         // of its content in Piece::content; begin is a multiple of kContentAlignment
  std::source_location place;  // of a kernel's launch
};

inline constexpr size_t kContentAlignment = 16;
inline constexpr size_t kMostArguments = 32;  // of a kernel

// Calls in the order they were asked for.
struct Piece {
  std::vector<GatheredCall> calls;
  std::vector<std::byte> content;

  // Room for the content of a call, zeroed: what lies between its arguments must not differ by chance.
  std::byte* add(GatheredCall call) {
    call.begin = (content.size() + kContentAlignment - 1) / kContentAlignment * kContentAlignment;
    content.resize(call.begin + call.bytes);
    calls.push_back(call);
    return content.data() + call.begin;
  }
  void clear() {
    calls.clear();
    content.clear();
  }
};

}  // namespace limner
