// Device code that every attention kernel needs: which tile of which row a block works on, where a head's
// queries, keys and values lie, and which probabilities dropout keeps.
#pragma once

#include "kernels/cuda/attention.h"
#include "kernels/dropout.h"

namespace limner {
namespace {

constexpr float kLog2E = 1.44269504088896f;

// A block's piece of the batch: `tile` tokens of one row from token `start` on.
struct RowTile {
  int row, first, length;  // the row: its index, first token and number of tokens
  int start;               // in the row; not below `length` where the block has nothing to do
};

// Blocks that cover every row in tiles of `tile` tokens, from numbers that a captured graph may hold fixed:
// row r owns the indices from cu_lengths[r] / tile + r on, which is enough for its tiles and wastes at most
// one index a row.
inline dim3 row_tile_grid(const AttentionBatch& batch, int tile) {
  return dim3(static_cast<unsigned>(batch.tokens / tile + batch.rows), static_cast<unsigned>(batch.heads));
}

// Finds a block's row with 32 probes at a time. Called by whole warps, with the same arguments.
__device__ __forceinline__ RowTile find_row_tile(const AttentionBatch& batch, int index, int tile) {
  const int lane = static_cast<int>(threadIdx.x % 32);
  int low = 0, high = batch.rows;
  while (high - low > 1) {
    const int step = (high - low + 31) / 32, probe = low + lane * step;
    const bool owns = probe < high && batch.cu_lengths[probe] / tile + probe <= index;
    const int last = 31 - __clz(static_cast<int>(__ballot_sync(kWholeWarp, owns)));
    low += last * step;
    high = min(high, low + step);
  }
  const int first = batch.cu_lengths[low];
  return {low, first, batch.cu_lengths[low + 1] - first, (index - first / tile - low) * tile};
}

// One head of one row in [tokens, 3 * heads * head_size].
template <class T>
struct HeadRows {
  T *queries, *keys, *values;
  int64_t stride;  // elements from a token to the next
};
template <int kHeadSize, class T>
__device__ __forceinline__ HeadRows<T> head_rows(T* qkv, const AttentionBatch& batch, int first, int head) {
  const int64_t hidden = static_cast<int64_t>(batch.heads) * kHeadSize;
  T* queries = qkv + first * 3 * hidden + head * kHeadSize;
  return {queries, queries + hidden, queries + 2 * hidden, 3 * hidden};
}

// Where a token's head lies in [tokens, heads * head_size].
template <int kHeadSize>
__device__ __forceinline__ int64_t output_offset(const AttentionBatch& batch, int token, int head) {
  return (static_cast<int64_t>(token) * batch.heads + head) * kHeadSize;
}

// Random bits of one head of one row: kernels/dropout.h with the row's share of the counter filled in.
class DropoutBits {
 public:
  __device__ DropoutBits(const AttentionBatch& batch, int row, int head)
      : key_(batch.dropout_key),
        row_key_(static_cast<uint64_t>(batch.row_keys[row])),
        first_block_(static_cast<uint32_t>(head) *
                     static_cast<uint32_t>(kDropoutElementsPerHead / kDropoutElementsPerBlock)),
        threshold_(batch.dropout_threshold) {}
  // The bits of a query and eight keys from `first_key`, a multiple of eight, on.
  __device__ __forceinline__ PhiloxBlock draw(int query, int first_key) const {
    return philox_block({{first_block_ + static_cast<uint32_t>(first_key / kDropoutElementsPerBlock),
                          static_cast<uint32_t>(query), static_cast<uint32_t>(row_key_),
                          static_cast<uint32_t>(row_key_ >> 32)}},
                        key_);
  }
  __device__ __forceinline__ bool keeps(uint32_t word, int half) const {
    return ((word >> (16 * half)) & 0xFFFFu) >= threshold_;
  }

 private:
  uint64_t key_, row_key_;
  uint32_t first_block_, threshold_;
};

}  // namespace
}  // namespace limner
