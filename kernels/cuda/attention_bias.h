// What the kernels of the bias' gradient share. A block owns a head of a row, and with it the row's sums by
// distance: no sum has a second owner, and each is added up in one order.
#pragma once

#include "kernels/cuda/attention_rows.h"

namespace limner {
namespace {

inline dim3 row_grid(const AttentionBatch& batch) {
  return dim3(static_cast<unsigned>(batch.rows), static_cast<unsigned>(batch.heads));
}

// The row's sums, 2 * length - 1 of them, set to 0 by the whole block; distance d has its own at length - 1 +
// d. A barrier must stand before they are used.
__device__ __forceinline__ float* clear_row_bias(float* row_dbias, const AttentionBatch& batch, int head,
                                                 int first, int length) {
  float* const sums = row_dbias + 2 * (static_cast<int64_t>(head) * batch.tokens + first);
  for (int i = static_cast<int>(threadIdx.x); i < 2 * length - 1; i += static_cast<int>(blockDim.x)) {
    sums[i] = 0.0f;
  }
  return sums;
}

// sums += the diagonals of a tile [kRows queries, kColumns keys] whose first key lies `shift` behind its
// first query; a thread takes a diagonal from its first row to its last.
template <int kRows, int kColumns, int kStride>
__device__ __forceinline__ void add_diagonals(float* sums, const float* tile, int shift, int length) {
  constexpr int kDiagonals = kRows + kColumns - 1;
  const int thread = static_cast<int>(threadIdx.x), offset = thread - (kRows - 1);  // column - row
  const int distance = shift + offset;
  if (thread >= kDiagonals || abs(distance) >= length) return;
  float sum = 0.0f;
  for (int row = max(0, -offset); row < kRows && row + offset < kColumns; ++row) {
    sum += tile[row * kStride + row + offset];
  }
  sums[length - 1 + distance] += sum;
}

}  // namespace
}  // namespace limner
