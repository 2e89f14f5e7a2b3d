// Device code that every attention kernel needs: which tile of which row a block works on, which keys its
// queries see, where a head's queries, keys and values lie, and which probabilities dropout keeps.
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
// one index a row. `heads`: those that have blocks of their own, queries' or keys'.
inline dim3 row_tile_grid(const AttentionBatch& batch, int tile, int heads) {
  return dim3(static_cast<unsigned>(batch.tokens / tile + batch.rows), static_cast<unsigned>(heads));
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

// Masks and windows are one rule: a query sees what is less than `behind` before it and less than `ahead`
// after it, itself always.
__device__ __forceinline__ bool is_hidden(const AttentionBatch& batch, int query, int key) {
  return query - key >= batch.behind || key - query >= batch.ahead;
}
struct Range {
  int first, last;
};
// What at least one of `queries` queries from `query` on sees in a row of `length` keys …
__device__ __forceinline__ Range keys_seen(const AttentionBatch& batch, int query, int queries, int length) {
  return {max(0, query - batch.behind + 1), min(length, query + queries - 1 + batch.ahead)};
}
// … and what sees at least one of `keys` keys.
__device__ __forceinline__ Range queries_seeing(const AttentionBatch& batch, int key, int keys, int length) {
  return {max(0, key - batch.ahead + 1), min(length, key + keys - 1 + batch.behind)};
}

// A query head of one row in [tokens, heads' queries, key heads' keys, key heads' values], and the keys and
// values that it reads.
template <class T>
struct HeadRows {
  T *queries, *keys, *values;
  int64_t stride;  // elements from a token to the next
};
template <int kHeadSize, class T>
__device__ __forceinline__ HeadRows<T> head_rows(T* qkv, const AttentionBatch& batch, int first, int head) {
  const int64_t hidden = static_cast<int64_t>(batch.heads) * kHeadSize;
  const int64_t key_hidden = static_cast<int64_t>(batch.key_heads) * kHeadSize;
  const int64_t stride = hidden + 2 * key_hidden;
  T* const row = qkv + first * stride;
  T* const keys = row + hidden + head / batch.group * kHeadSize;
  return {row + head * kHeadSize, keys, keys + key_hidden, stride};
}

// Where a token's head lies in [tokens, heads * head_size].
template <int kHeadSize>
__device__ __forceinline__ int64_t output_offset(const AttentionBatch& batch, int token, int head) {
  return (static_cast<int64_t>(token) * batch.heads + head) * kHeadSize;
}

// A head's bias, to be indexed by key - query; null without.
__device__ __forceinline__ const float* head_bias(const AttentionBatch& batch, int head) {
  if (batch.bias == nullptr) return nullptr;
  return batch.bias + (head * bias_stride(batch.bias_reach) + batch.bias_reach);
}

// What the rows of a piece of scores are; its columns are the other.
enum class RowsAre : uint8_t { queries, keys };

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
