// The bf16 building blocks of attention: tiles in shared memory and fragments of mma.m16n8k16 in registers.
//
// Lane 4 g + t of a warp holds, of a 16 x 16 fragment A, the pairs of elements (g, 2t), (g + 8, 2t), (g, 2t +
// 8), (g + 8, 2t + 8); of a 16 x 8 accumulator the elements (g, 2t), (g, 2t + 1), (g + 8, 2t), (g + 8, 2t +
// 1) (PTX ISA, "Matrix Fragments for mma.m16n8k16"). So two neighbouring accumulators, rounded, are a
// fragment A of the next product: word 2 * (which accumulator) + (which half of the rows). Everything below
// keeps that order.
#pragma once

#include <cstring>

#include "kernels/cuda/attention_rows.h"
#include "kernels/cuda/ptx.h"

namespace limner {
namespace {

constexpr int kTileThreads = 128;
constexpr int kTileWarps = kTileThreads / 32;
constexpr int kTileRows = 64;

struct Lane {
  int group, pair;  // g, t
  __device__ Lane()
      : group(static_cast<int>(threadIdx.x % 32) >> 2), pair(static_cast<int>(threadIdx.x & 3)) {}
};

__device__ __forceinline__ uint32_t packed(float low, float high) {
  const bf16x2 both = __floats2bfloat162_rn(low, high);
  uint32_t word;
  memcpy(&word, &both, sizeof(word));
  return word;
}

// --- Exchanges between lanes.
// Of two words, a lane gives away the one that its partner wants and keeps the other.
__device__ __forceinline__ void swap_words(uint32_t& of_lower, uint32_t& of_upper, bool upper, int distance) {
  const uint32_t received = __shfl_xor_sync(kWholeWarp, upper ? of_lower : of_upper, distance);
  (upper ? of_lower : of_upper) = received;
}

// Word i of lane t of a quad goes to lane i as its word t.
__device__ __forceinline__ void transpose_in_quad(uint32_t (&words)[4]) {
  const bool odd = threadIdx.x & 1, upper = threadIdx.x & 2;
  swap_words(words[0], words[1], odd, 1);
  swap_words(words[2], words[3], odd, 1);
  swap_words(words[0], words[2], upper, 2);
  swap_words(words[1], words[3], upper, 2);
}

// Half i (16 bits, the low half of a word first) of group g goes to group i as its half g, for each t.
__device__ __forceinline__ void transpose_in_column(uint32_t (&words)[4]) {
  const bool odd = threadIdx.x & 4, second = threadIdx.x & 8, upper = threadIdx.x & 16;
  swap_words(words[0], words[2], upper, 16);
  swap_words(words[1], words[3], upper, 16);
  swap_words(words[0], words[1], second, 8);
  swap_words(words[2], words[3], second, 8);
#pragma unroll
  for (int i = 0; i < 4; i += 2) {
    const uint32_t low = (words[i] & 0xFFFFu) | words[i + 1] << 16;
    const uint32_t high = words[i] >> 16 | (words[i + 1] & 0xFFFF0000u);
    const uint32_t received = __shfl_xor_sync(kWholeWarp, odd ? low : high, 4);
    const uint32_t lower = odd ? received : low, higher = odd ? high : received;
    words[i] = (lower & 0xFFFFu) | higher << 16;
    words[i + 1] = lower >> 16 | (higher & 0xFFFF0000u);
  }
}

// --- Rows in global memory. 16 rows of a head, 16 bytes an access: lanes load and store whole chunks of
// eight elements and exchange words, so that nothing passes through shared memory and every 32-byte sector is
// moved once.
template <int kHeadSize>
__device__ __forceinline__ void load_fragments(uint32_t (&fragments)[kHeadSize / 16][4], const bf16* rows,
                                               int64_t stride, int valid_rows) {
  const Lane lane;
  const int row = lane.group + 8 * (lane.pair & 1);
  const bf16* chunk = rows + row * stride + 8 * (lane.pair >> 1);
#pragma unroll
  for (int k = 0; k < kHeadSize / 16; ++k) {
    uint4 loaded{0, 0, 0, 0};
    if (row < valid_rows) loaded = *reinterpret_cast<const uint4*>(chunk + 16 * k);
    fragments[k][0] = loaded.x;
    fragments[k][1] = loaded.y;
    fragments[k][2] = loaded.z;
    fragments[k][3] = loaded.w;
    transpose_in_quad(fragments[k]);
  }
}

// scale[half] multiplies the rows of that half.
template <int kHeadSize>
__device__ __forceinline__ void store_rows(bf16* rows, int64_t stride, int valid_rows,
                                           const float (&sums)[kHeadSize / 8][4], const float (&scale)[2]) {
  const Lane lane;
  const int row = lane.group + 8 * (lane.pair & 1);
  bf16* chunk = rows + row * stride + 8 * (lane.pair >> 1);
#pragma unroll
  for (int k = 0; k < kHeadSize / 16; ++k) {
    uint32_t words[4];
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const float(&sum)[4] = sums[2 * k + i / 2];
      words[i] = packed(sum[2 * (i & 1)] * scale[i & 1], sum[2 * (i & 1) + 1] * scale[i & 1]);
    }
    transpose_in_quad(words);
    if (row < valid_rows)
      *reinterpret_cast<uint4*>(chunk + 16 * k) = {words[0], words[1], words[2], words[3]};
  }
}

// --- Tiles in shared memory. A row is followed by 16 unused bytes: every head size is an even number of
// 16-byte chunks, so rows lie an odd number of chunks apart and the eight rows that ldmatrix reads at once
// fall on eight different groups of four banks. A swizzle would save these bytes (an eighth at 64), but needs
// another rule for 80 and 96, whose rows are no power of two.
template <int kHeadSize>
inline constexpr int kTileStride = kHeadSize + 8;
template <int kHeadSize>
inline constexpr int kTileElements = kTileRows* kTileStride<kHeadSize>;

// `threads` threads copy `tile_rows` rows; those from valid_rows on become zero. Ends with no commit.
template <int kHeadSize>
__device__ __forceinline__ void copy_rows_async(bf16* tile, const bf16* rows, int64_t stride, int valid_rows,
                                                int tile_rows, int thread, int threads) {
  constexpr int kChunks = kHeadSize / 8;
  for (int i = thread; i < tile_rows * kChunks; i += threads) {
    const int row = i / kChunks, chunk = i % kChunks;
    const bool valid = row < valid_rows;
    cp_async16(tile + row * kTileStride<kHeadSize> + chunk * 8, rows + (valid ? row * stride : 0) + chunk * 8,
               valid);
  }
}
// The whole block copies kTileRows rows.
template <int kHeadSize>
__device__ __forceinline__ void copy_tile_async(bf16* tile, const bf16* rows, int64_t stride,
                                                int valid_rows) {
  copy_rows_async<kHeadSize>(tile, rows, stride, valid_rows, kTileRows, static_cast<int>(threadIdx.x),
                             kTileThreads);
}

// --- Products of a warp. A strip is 16 rows of the left matrix.
// sums [16 x 8 kColumns] = left [16 x head size] * tile^T, the tile's first 8 kColumns rows being the
// columns.
template <int kHeadSize, int kStrips, int kColumns>
__device__ __forceinline__ void multiply_by_rows(float (&sums)[kStrips][kColumns][4],
                                                 const uint32_t (&left)[kStrips][kHeadSize / 16][4],
                                                 const bf16* tile) {
  const int matrix = static_cast<int>(threadIdx.x % 32) >> 3, row = static_cast<int>(threadIdx.x & 7);
  const bf16* address = tile + ((matrix >> 1) * 8 + row) * kTileStride<kHeadSize> + (matrix & 1) * 8;
#pragma unroll
  for (int strip = 0; strip < kStrips; ++strip) {
#pragma unroll
    for (int n = 0; n < kColumns; ++n) {
#pragma unroll
      for (int i = 0; i < 4; ++i) sums[strip][n][i] = 0.0f;
    }
  }
#pragma unroll
  for (int k = 0; k < kHeadSize / 16; ++k) {
#pragma unroll
    for (int n = 0; n < kColumns; n += 2) {
      uint32_t right[4];
      ldmatrix_x4(right, address + n * 8 * kTileStride<kHeadSize> + k * 16);
#pragma unroll
      for (int strip = 0; strip < kStrips; ++strip) {
        mma_bf16(sums[strip][n], left[strip][k], {right[0], right[1]}, sums[strip][n]);
        mma_bf16(sums[strip][n + 1], left[strip][k], {right[2], right[3]}, sums[strip][n + 1]);
      }
    }
  }
}

// sums [16 x head size] += weights [16 x 8 kColumns] * tile [8 kColumns x head size]; weights are rounded to
// bf16.
template <int kHeadSize, int kStrips, int kColumns>
__device__ __forceinline__ void add_product(float (&sums)[kStrips][kHeadSize / 8][4],
                                            const float (&weights)[kStrips][kColumns][4], const bf16* tile) {
  const int matrix = static_cast<int>(threadIdx.x % 32) >> 3, row = static_cast<int>(threadIdx.x & 7);
  const bf16* address = tile + ((matrix & 1) * 8 + row) * kTileStride<kHeadSize> + (matrix >> 1) * 8;
#pragma unroll
  for (int k = 0; k < kColumns / 2; ++k) {
    uint32_t left[kStrips][4];
#pragma unroll
    for (int strip = 0; strip < kStrips; ++strip) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const float(&pair)[4] = weights[strip][2 * k + i / 2];
        left[strip][i] = packed(pair[2 * (i & 1)], pair[2 * (i & 1) + 1]);
      }
    }
#pragma unroll
    for (int n = 0; n < kHeadSize / 8; n += 2) {
      uint32_t right[4];
      ldmatrix_x4_trans(right, address + k * 16 * kTileStride<kHeadSize> + n * 8);
#pragma unroll
      for (int strip = 0; strip < kStrips; ++strip) {
        mma_bf16(sums[strip][n], left[strip], {right[0], right[1]}, sums[strip][n]);
        mma_bf16(sums[strip][n + 1], left[strip], {right[2], right[3]}, sums[strip][n + 1]);
      }
    }
  }
}

// --- Bias. Adds to each score, whose piece begins with this row and column, what its distance has.
template <RowsAre kRowsAre, int kStrips, int kColumns>
__device__ __forceinline__ void add_bias(float (&scores)[kStrips][kColumns][4], const float* bias, int row,
                                         int column) {
  constexpr int kSign = kRowsAre == RowsAre::queries ? 1 : -1;  // of column - row
  const Lane lane;
  const float* const own = bias + kSign * (column + 2 * lane.pair - row - lane.group);
#pragma unroll
  for (int strip = 0; strip < kStrips; ++strip) {
#pragma unroll
    for (int n = 0; n < kColumns; ++n) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        scores[strip][n][i] += own[kSign * (8 * n + (i & 1) - 16 * strip - 8 * (i / 2))];
      }
    }
  }
}

// --- Dropout of two neighbouring accumulators, 16 x 16 scores: 32 blocks of eight, one drawn by each lane
// and then dealt out. Rows are queries, columns keys: a block is a row's eight columns, shared by a quad.
__device__ __forceinline__ void draw_for_query_rows(uint32_t (&words)[4], const DropoutBits& bits, int query,
                                                    int key) {
  const Lane lane;
  const PhiloxBlock block = bits.draw(query + lane.group + 8 * (lane.pair & 1), key + 8 * (lane.pair >> 1));
#pragma unroll
  for (int i = 0; i < 4; ++i) words[i] = block.word[i];
  transpose_in_quad(words);
}
// Rows are keys, columns queries: a block is a column's eight rows, shared by the lanes of equal t.
__device__ __forceinline__ void draw_for_key_rows(uint32_t (&words)[4], const DropoutBits& bits, int query,
                                                  int key) {
  const Lane lane;
  const PhiloxBlock block = bits.draw(query + 8 * (lane.group >> 2) + 2 * lane.pair + (lane.group & 1),
                                      key + 8 * (lane.group >> 1 & 1));
#pragma unroll
  for (int i = 0; i < 4; ++i) words[i] = block.word[i];
  transpose_in_column(words);
}
// Is element i of accumulator n of the pair kept?
__device__ __forceinline__ bool kept(const DropoutBits& bits, const uint32_t (&words)[4], int n, int i) {
  return bits.keeps(words[2 * (n & 1) + i / 2], i & 1);
}

}  // namespace
}  // namespace limner
