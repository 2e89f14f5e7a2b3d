// What passes over memory share: chunks of eight elements, and dropout over them.
//
// A chunk is eight neighbouring elements as f32, whatever their type in memory: one or two 16-byte accesses,
// and exactly one Philox block of dropout (kernels/dropout.h).
#pragma once

#include <algorithm>
#include <cstring>

#include "kernels/cuda/cuda_backend.h"
#include "kernels/cuda/gpu.h"
#include "kernels/dropout.h"

namespace limner {

inline constexpr int kChunk = static_cast<int>(kDropoutElementsPerBlock);
inline constexpr int64_t kWarpChunk = int64_t{kWarpSize} * kChunk;  // elements that a warp takes at once

struct alignas(16) Chunk {
  float value[kChunk];
};

__device__ __forceinline__ bool is_vector_aligned(const void* address) {
  return reinterpret_cast<size_t>(address) % 16 == 0;
}

__device__ __forceinline__ void load_whole(Chunk& chunk, const float* from) {
  const float4* const vectors = reinterpret_cast<const float4*>(from);
  const float4 low = vectors[0], high = vectors[1];
  chunk = {{low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w}};
}
__device__ __forceinline__ void load_whole(Chunk& chunk, const bf16* from) {
  const uint4 vector = *reinterpret_cast<const uint4*>(from);
  const unsigned words[4] = {vector.x, vector.y, vector.z, vector.w};
#pragma unroll
  for (int i = 0; i < 4; ++i) {  // a bf16 is the upper half of a float
    chunk.value[2 * i] = __uint_as_float(words[i] << 16);
    chunk.value[2 * i + 1] = __uint_as_float(words[i] & 0xffff0000u);
  }
}

__device__ __forceinline__ void store_whole(float* to, const Chunk& chunk) {
  const float* const v = chunk.value;
  reinterpret_cast<float4*>(to)[0] = make_float4(v[0], v[1], v[2], v[3]);
  reinterpret_cast<float4*>(to)[1] = make_float4(v[4], v[5], v[6], v[7]);
}
__device__ __forceinline__ unsigned rounded_pair(float low, float high) {
  const bf16x2 pair = __floats2bfloat162_rn(low, high);
  unsigned word;
  memcpy(&word, &pair, sizeof(word));
  return word;
}
__device__ __forceinline__ void store_whole(bf16* to, const Chunk& chunk) {
  const float* const v = chunk.value;
  *reinterpret_cast<uint4*>(to) = make_uint4(rounded_pair(v[0], v[1]), rounded_pair(v[2], v[3]),
                                             rounded_pair(v[4], v[5]), rounded_pair(v[6], v[7]));
}

// At a place where `left` elements remain: 16 bytes at a time where a whole chunk stands on a multiple of 16
// bytes, else one by one. Elements that are not there are 0 and are not written.
template <class T>
__device__ __forceinline__ Chunk load_chunk(const T* from, int64_t left) {
  Chunk chunk;
  if (left >= kChunk && is_vector_aligned(from)) {
    load_whole(chunk, from);
  } else {
#pragma unroll
    for (int i = 0; i < kChunk; ++i) chunk.value[i] = i < left ? to_float(from[i]) : 0.0f;
  }
  return chunk;
}
template <class T>
__device__ __forceinline__ void store_chunk(T* to, const Chunk& chunk, int64_t left) {
  if (left >= kChunk && is_vector_aligned(to)) {
    store_whole(to, chunk);
  } else {
#pragma unroll
    for (int i = 0; i < kChunk; ++i) {
      if (i < left) to[i] = from_float<T>(chunk.value[i]);
    }
  }
}
// As the element type holds it.
template <class T>
__device__ __forceinline__ Chunk rounded(const Chunk& chunk) {
  Chunk result;
#pragma unroll
  for (int i = 0; i < kChunk; ++i) result.value[i] = to_float(from_float<T>(chunk.value[i]));
  return result;
}

__device__ __forceinline__ void add_to(Chunk& sum, const Chunk& other) {
#pragma unroll
  for (int i = 0; i < kChunk; ++i) sum.value[i] += other.value[i];
}

// --- Passes over flat ranges: one thread a chunk.
inline constexpr int kFlatThreads = 256;
inline unsigned flat_blocks(int64_t elements) { return blocks_for(elements, int64_t{kFlatThreads} * kChunk); }
__device__ __forceinline__ int64_t flat_index() {
  return (int64_t{blockIdx.x} * kFlatThreads + threadIdx.x) * kChunk;
}

// --- Passes over tokens: one warp a token.
inline constexpr int kTokenWarps = 4;
inline constexpr int kTokenThreads = kTokenWarps * kWarpSize;
inline unsigned token_blocks(int64_t tokens) { return blocks_for(tokens, kTokenWarps); }
__device__ __forceinline__ int lane_index() { return static_cast<int>(threadIdx.x) % kWarpSize; }
__device__ __forceinline__ int warp_index() { return static_cast<int>(threadIdx.x) / kWarpSize; }
__device__ __forceinline__ int64_t token_index() { return int64_t{blockIdx.x} * kTokenWarps + warp_index(); }

// --- Shared memory a warp: whole chunks.
__host__ __device__ __forceinline__ int64_t padded(int64_t width) {
  return (width + kChunk - 1) / kChunk * kChunk;
}
// As many warps a block as have room for `warp_bytes` each within the usual 48 KiB; one warp may take more.
inline int block_warps(int most, int64_t warp_bytes) {
  const int64_t fitting = static_cast<int64_t>(kPlainSharedBytes) / std::max<int64_t>(warp_bytes, 1);
  return static_cast<int>(std::clamp<int64_t>(fitting, 1, most));
}

// --- Dropout of hidden states, as kernels read it. Draws nothing when inactive; packing is then unset.
struct DeviceDropout {
  DevicePacking packing;
  uint64_t key;
  uint32_t threshold;
  float scale;
  int active;
};
inline DeviceDropout device_dropout(CudaBackend& backend, const Dropout& dropout, const Packing& packing) {
  if (!dropout.active()) return {};
  return {backend.send(packing), dropout.key, dropout_threshold(dropout.probability),
          dropout_scale(dropout.probability), 1};
}

struct TokenPlace {
  int64_t row_key;
  int64_t position;
};
__device__ __forceinline__ TokenPlace place_of(const DeviceDropout& dropout, int64_t token) {
  if (!dropout.active) return {};
  const int32_t row = dropout.packing.token_rows[token];
  return {dropout.packing.row_keys[row], token - dropout.packing.cu_lengths[row]};
}
// `column`, a multiple of 8, is the chunk's first element.
__device__ __forceinline__ void drop(Chunk& chunk, const DeviceDropout& dropout, const TokenPlace& place,
                                     int64_t column) {
  if (!dropout.active) return;
  const auto row = static_cast<uint64_t>(place.row_key);
  const PhiloxBlock random = philox_block(
      {{static_cast<uint32_t>(column / kDropoutElementsPerBlock), static_cast<uint32_t>(place.position),
        static_cast<uint32_t>(row), static_cast<uint32_t>(row >> 32)}},
      dropout.key);
#pragma unroll
  for (int i = 0; i < kChunk; ++i) {
    const uint32_t bits = (random.word[i / 2] >> (16 * (i % 2))) & 0xffffu;
    chunk.value[i] = bits >= dropout.threshold ? chunk.value[i] * dropout.scale : 0.0f;
  }
}

}  // namespace limner
