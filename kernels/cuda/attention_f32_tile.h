// The f32 building blocks of attention: tiles in shared memory, multiplied by FMA. 128 threads share 64 rows;
// eight threads own four of them, and of 32 columns each of the eight takes every eighth, so a thread
// multiplies 4 x 4 at a time.
#pragma once

#include "kernels/cuda/attention_rows.h"

namespace limner {
namespace {

constexpr int kThreads = 128;
constexpr int kRows = 64;     // of the left matrix: what a block owns
constexpr int kColumns = 32;  // of the right matrix: what it meets at once
constexpr int kOwnRows = 4, kOwnColumns = 4, kLanesARow = 8;

// A row in shared memory is followed by 16 unused bytes: rows then lie an odd multiple of 4 banks apart, and
// the eight lanes of a row read 16 bytes of eight different rows without conflict.
template <int kHeadSize>
inline constexpr int kStride = kHeadSize + 4;
constexpr int kWeightStride = kColumns + 1;

struct Place {
  int first_row, column;  // of the thread's own rows and columns
  __device__ Place()
      : first_row(static_cast<int>(threadIdx.x) / kLanesARow * kOwnRows),
        column(static_cast<int>(threadIdx.x) % kLanesARow) {}
};
using Products = float[kOwnRows][kOwnColumns];

// The block's threads copy `tile_rows` rows; those from valid_rows on become zero.
template <int kHeadSize>
__device__ void copy_rows(float* tile, const float* rows, int64_t stride, int valid_rows, int tile_rows) {
  constexpr int kChunks = kHeadSize / 4;
#pragma unroll 2  // more copies in flight would take the registers of the sums
  for (int i = static_cast<int>(threadIdx.x); i < tile_rows * kChunks; i += kThreads) {
    const int row = i / kChunks, column = i % kChunks * 4;
    const float4 chunk = row < valid_rows ? *reinterpret_cast<const float4*>(rows + row * stride + column)
                                          : float4{0.0f, 0.0f, 0.0f, 0.0f};
    *reinterpret_cast<float4*>(tile + row * kStride<kHeadSize> + column) = chunk;
  }
}

// products = own rows of `left` times own rows of `right`.
template <int kHeadSize>
__device__ void multiply(Products& products, const float* left, const float* right) {
  const Place place;
#pragma unroll
  for (int i = 0; i < kOwnRows; ++i) {
#pragma unroll
    for (int j = 0; j < kOwnColumns; ++j) products[i][j] = 0.0f;
  }
#pragma unroll 1
  for (int d = 0; d < kHeadSize; d += 4) {
    float4 a[kOwnRows];
#pragma unroll
    for (int i = 0; i < kOwnRows; ++i) {
      a[i] = *reinterpret_cast<const float4*>(left + (place.first_row + i) * kStride<kHeadSize> + d);
    }
#pragma unroll
    for (int j = 0; j < kOwnColumns; ++j) {
      const float4 b =
          *reinterpret_cast<const float4*>(right + (place.column + kLanesARow * j) * kStride<kHeadSize> + d);
#pragma unroll
      for (int i = 0; i < kOwnRows; ++i) {
        products[i][j] += a[i].x * b.x + a[i].y * b.y + a[i].z * b.z + a[i].w * b.w;
      }
    }
  }
}

// Adds to each product what its distance has; `row` and `column` are the first ones, in the row of the batch.
template <RowsAre kRowsAre>
__device__ __forceinline__ void add_bias(Products& products, const float* bias, int row, int column) {
  constexpr int kSign = kRowsAre == RowsAre::queries ? 1 : -1;  // of column - row
  const float* const own = bias + kSign * (column - row);
#pragma unroll
  for (int i = 0; i < kOwnRows; ++i) {
#pragma unroll
    for (int j = 0; j < kOwnColumns; ++j) products[i][j] += own[kSign * (kLanesARow * j - i)];
  }
}

// sums += weights * right. The weights go through `exchange`, of which a warp reads only what it wrote.
template <int kHeadSize>
__device__ void add_product(float (&sums)[kOwnRows][kHeadSize / kLanesARow], const Products& weights,
                            float* exchange, const float* right) {
  const Place place;
  float* const own = exchange + place.first_row * kWeightStride;
#pragma unroll
  for (int i = 0; i < kOwnRows; ++i) {
#pragma unroll
    for (int j = 0; j < kOwnColumns; ++j)
      own[i * kWeightStride + place.column + kLanesARow * j] = weights[i][j];
  }
  __syncwarp();
#pragma unroll 1
  for (int k = 0; k < kColumns; ++k) {
    float weight[kOwnRows];
#pragma unroll
    for (int i = 0; i < kOwnRows; ++i) weight[i] = own[i * kWeightStride + k];
#pragma unroll
    for (int j = 0; j < kHeadSize / kLanesARow; ++j) {
      const float value = right[k * kStride<kHeadSize> + place.column + kLanesARow * j];
#pragma unroll
      for (int i = 0; i < kOwnRows; ++i) sums[i][j] += weight[i] * value;
    }
  }
  __syncwarp();  // the next call writes `exchange` again
}

// Of the eight lanes of a row.
__device__ __forceinline__ float row_sum(float value) {
#pragma unroll
  for (int distance = 1; distance < kLanesARow; distance *= 2)
    value += __shfl_xor_sync(kWholeWarp, value, distance);
  return value;
}
__device__ __forceinline__ float row_max(float value) {
#pragma unroll
  for (int distance = 1; distance < kLanesARow; distance *= 2) {
    value = fmaxf(value, __shfl_xor_sync(kWholeWarp, value, distance));
  }
  return value;
}

template <int kHeadSize>
__device__ void store_rows(float* rows, int64_t stride, int valid_rows,
                           const float (&sums)[kOwnRows][kHeadSize / kLanesARow],
                           const float (&scale)[kOwnRows]) {
  const Place place;
#pragma unroll
  for (int i = 0; i < kOwnRows; ++i) {
    if (place.first_row + i >= valid_rows) continue;
#pragma unroll
    for (int j = 0; j < kHeadSize / kLanesARow; ++j) {
      rows[(place.first_row + i) * stride + place.column + kLanesARow * j] = sums[i][j] * scale[i];
    }
  }
}

// Which of a thread's 16 products dropout keeps, bit 4 * row + column: one copy of the generator's ten rounds
// in a loop, not 16, whose registers the sums need. `row` and `column` are the first ones, in the row of the
// batch.
template <RowsAre kRowsAre>
__device__ __forceinline__ uint32_t kept_products(const AttentionBatch& batch, const DropoutBits& bits,
                                                  int row, int column) {
  if (!batch.drops) return 0xFFFFu;
  uint32_t kept = 0;
#pragma unroll 1
  for (int i = 0; i < kOwnRows * kOwnColumns; ++i) {
    const int mine = row + i / kOwnColumns, other = column + kLanesARow * (i % kOwnColumns);
    const int query = kRowsAre == RowsAre::queries ? mine : other,
              key = kRowsAre == RowsAre::queries ? other : mine;
    const PhiloxBlock block = bits.draw(query, key);
    // Not block.word[key % 8 / 2]: an array indexed at run time would lie in memory.
    const uint32_t low = key & 2 ? block.word[1] : block.word[0],
                   high = key & 2 ? block.word[3] : block.word[2];
    kept |= static_cast<uint32_t>(bits.keeps(key & 4 ? high : low, key & 1)) << i;
  }
  return kept;
}
__device__ __forceinline__ bool is_kept(uint32_t kept, int i, int j) {
  return kept >> (kOwnColumns * i + j) & 1;
}

}  // namespace
}  // namespace limner
