// Attention in f32, for parity with the CPU and with other programs: the tiles of the bf16 kernels,
// multiplied by FMA, because the tensor cores' f32 (TF32) has 10 bits.
#include <cfloat>

#include "kernels/cuda/attention_bias.h"
#include "kernels/cuda/attention_f32_tile.h"

namespace limner {
namespace {

// A block: 64 queries of one head of one row.
template <int kHeadSize>
__global__ void __launch_bounds__(kThreads) attention_forward_f32_kernel(const AttentionForward<float> call) {
  SharedArena shared;
  float* const queries = shared.take<float>(kRows * kStride<kHeadSize>);
  float* const keys = shared.take<float>(kColumns * kStride<kHeadSize>);
  float* const values = shared.take<float>(kColumns * kStride<kHeadSize>);
  float* const exchange = shared.take<float>(kRows * kWeightStride);
  const AttentionBatch& batch = call.batch;
  const RowTile tile = find_row_tile(batch, static_cast<int>(blockIdx.x), kRows);
  if (tile.start >= tile.length) return;
  const Place place;
  const int head = static_cast<int>(blockIdx.y), query = tile.start + place.first_row;
  const HeadRows<const float> rows = head_rows<kHeadSize>(call.qkv, batch, tile.first, head);
  const DropoutBits bits(batch, tile.row, head);
  const float* const bias = head_bias(batch, head);
  copy_rows<kHeadSize>(queries, rows.queries + tile.start * rows.stride, rows.stride,
                       tile.length - tile.start, kRows);

  float sums[kOwnRows][kHeadSize / kLanesARow] = {}, most[kOwnRows], total[kOwnRows] = {};
  for (float& start : most) start = -FLT_MAX;  // not -infinity, as in attention_forward.cu
  const Range seen = keys_seen(batch, tile.start, kRows, tile.length);
  for (int key = seen.first / kColumns * kColumns; key < seen.last; key += kColumns) {
    copy_rows<kHeadSize>(keys, rows.keys + key * rows.stride, rows.stride, tile.length - key, kColumns);
    copy_rows<kHeadSize>(values, rows.values + key * rows.stride, rows.stride, tile.length - key, kColumns);
    __syncthreads();  // the tiles are there
    const uint32_t kept = kept_products<RowsAre::queries>(batch, bits, query, key + place.column);
    Products weights;
    multiply<kHeadSize>(weights, queries, keys);
    if (bias != nullptr) add_bias<RowsAre::queries>(weights, bias, query, key + place.column);
#pragma unroll
    for (int i = 0; i < kOwnRows; ++i) {
      float highest = most[i];
#pragma unroll
      for (int j = 0; j < kOwnColumns; ++j) {
        const int seen_key = key + place.column + kLanesARow * j;
        const bool hidden = seen_key >= tile.length || is_hidden(batch, query + i, seen_key);
        weights[i][j] = hidden ? -INFINITY : weights[i][j] * batch.score_scale;
        highest = fmaxf(highest, weights[i][j]);
      }
      highest = row_max(highest);
      const float shrink = expf(most[i] - highest);
      most[i] = highest;
      total[i] *= shrink;
#pragma unroll
      for (int j = 0; j < kHeadSize / kLanesARow; ++j) sums[i][j] *= shrink;
#pragma unroll
      for (int j = 0; j < kOwnColumns; ++j) {
        weights[i][j] = expf(weights[i][j] - highest);
        total[i] += weights[i][j];
        if (!is_kept(kept, i, j)) weights[i][j] = 0.0f;
      }
    }
    add_product<kHeadSize>(sums, weights, exchange, values);
    __syncthreads();  // the next iteration overwrites the tiles
  }
  float scale[kOwnRows];
#pragma unroll
  for (int i = 0; i < kOwnRows; ++i) {
    total[i] = row_sum(total[i]);
    scale[i] = batch.dropout_scale / total[i];
    if (call.lse != nullptr && place.column == 0 && query + i < tile.length) {
      call.lse[static_cast<int64_t>(head) * batch.tokens + tile.first + query + i] = most[i] + logf(total[i]);
    }
  }
  store_rows<kHeadSize>(call.y + output_offset<kHeadSize>(batch, tile.first + tile.start, head),
                        static_cast<int64_t>(batch.heads) * kHeadSize, tile.length - tile.start, sums, scale);
}

// Shared memory of a block that owns `own` tiles of 64 rows and meets two of 32, and of the exchange of
// weights.
template <int kHeadSize>
constexpr size_t tiles_bytes(int own) {
  return static_cast<size_t>(own * kRows + 2 * kColumns) * kStride<kHeadSize> * sizeof(float);
}
constexpr size_t kExchangeBytes = size_t{kRows} * kWeightStride * sizeof(float);
// At head size 128 a backward pass exchanges weights where the values lay, once all threads have read them.
template <int kHeadSize>
constexpr bool kExchangesOnValues = tiles_bytes<kHeadSize>(2) + kExchangeBytes > kMostSharedBytes;
template <int kHeadSize>
constexpr size_t backward_bytes = tiles_bytes<kHeadSize>(2) +
                                  (kExchangesOnValues<kHeadSize> ? 0 : kExchangeBytes);
template <int kHeadSize>
__device__ __forceinline__ float* take_exchange(SharedArena& shared, float* values) {
  return kExchangesOnValues<kHeadSize> ? values : shared.take<float>(kRows * kWeightStride);
}

// A thread's own rows, when rows are queries: their statistics, the first one's place, the row's length.
struct QueryRows {
  const float (&lse)[kOwnRows];
  const float (&delta)[kOwnRows];
  int query, length;
};

// Scores (products and bias) become their gradients; `key` is the thread's first column.
__device__ __forceinline__ void score_gradients(Products& scores, const Products& dweights, uint32_t kept,
                                                const QueryRows& rows, int key, const AttentionBatch& batch) {
#pragma unroll
  for (int i = 0; i < kOwnRows; ++i) {
#pragma unroll
    for (int j = 0; j < kOwnColumns; ++j) {
      const int seen_key = key + kLanesARow * j;
      const bool hidden = seen_key >= rows.length || is_hidden(batch, rows.query + i, seen_key);
      const float probability = hidden ? 0.0f : expf(scores[i][j] * batch.score_scale - rows.lse[i]);
      scores[i][j] =
          probability * ((is_kept(kept, i, j) ? dweights[i][j] * batch.dropout_scale : 0.0f) - rows.delta[i]);
    }
  }
}

// dq and delta: a block owns 64 queries; keys and values pass by.
template <int kHeadSize>
__global__ void __launch_bounds__(kThreads)
    attention_backward_query_f32_kernel(const AttentionBackward<float> call) {
  SharedArena shared;
  float* const queries = shared.take<float>(kRows * kStride<kHeadSize>);
  float* const dy = shared.take<float>(kRows * kStride<kHeadSize>);
  float* const keys = shared.take<float>(kColumns * kStride<kHeadSize>);
  float* const values = shared.take<float>(kColumns * kStride<kHeadSize>);
  float* const exchange = take_exchange<kHeadSize>(shared, values);
  const AttentionBatch& batch = call.batch;
  const RowTile tile = find_row_tile(batch, static_cast<int>(blockIdx.x), kRows);
  if (tile.start >= tile.length) return;
  const Place place;
  const int head = static_cast<int>(blockIdx.y), query = tile.start + place.first_row;
  const int valid_rows = tile.length - tile.start;
  const HeadRows<const float> rows = head_rows<kHeadSize>(call.qkv, batch, tile.first, head);
  const int64_t output = output_offset<kHeadSize>(batch, tile.first + tile.start, head);
  const int64_t output_stride = static_cast<int64_t>(batch.heads) * kHeadSize;
  const DropoutBits bits(batch, tile.row, head);
  const float* const bias = head_bias(batch, head);
  copy_rows<kHeadSize>(queries, rows.queries + tile.start * rows.stride, rows.stride, valid_rows, kRows);
  copy_rows<kHeadSize>(dy, call.dy + output, output_stride, valid_rows, kRows);
  __syncthreads();  // dy is there

  float dqueries[kOwnRows][kHeadSize / kLanesARow] = {}, lse[kOwnRows], delta[kOwnRows];
#pragma unroll
  for (int i = 0; i < kOwnRows; ++i) {
    const bool valid = query + i < tile.length;
    const int64_t at = static_cast<int64_t>(head) * batch.tokens + tile.first + query + i;
    const float* const y = call.y + output + (place.first_row + i) * output_stride;
    const float* const own_dy = dy + (place.first_row + i) * kStride<kHeadSize>;
    float sum = 0.0f;
    for (int d = place.column; valid && d < kHeadSize; d += kLanesARow) sum += own_dy[d] * y[d];
    delta[i] = row_sum(sum);
    lse[i] = valid ? call.lse[at] : INFINITY;  // infinity: all probabilities 0
    if (valid && place.column == 0) call.delta[at] = delta[i];
  }
  const Range seen = keys_seen(batch, tile.start, kRows, tile.length);
  for (int key = seen.first / kColumns * kColumns; key < seen.last; key += kColumns) {
    copy_rows<kHeadSize>(keys, rows.keys + key * rows.stride, rows.stride, tile.length - key, kColumns);
    copy_rows<kHeadSize>(values, rows.values + key * rows.stride, rows.stride, tile.length - key, kColumns);
    __syncthreads();  // the tiles are there
    const uint32_t kept = kept_products<RowsAre::queries>(batch, bits, query, key + place.column);
    Products scores, dweights;
    multiply<kHeadSize>(scores, queries, keys);
    multiply<kHeadSize>(dweights, dy, values);
    if constexpr (kExchangesOnValues<kHeadSize>) __syncthreads();  // the values have been read
    if (bias != nullptr) add_bias<RowsAre::queries>(scores, bias, query, key + place.column);
    score_gradients(scores, dweights, kept, QueryRows{lse, delta, query, tile.length}, key + place.column,
                    batch);
    add_product<kHeadSize>(dqueries, scores, exchange, keys);
    __syncthreads();  // the next iteration overwrites the tiles
  }
  const HeadRows<float> gradients = head_rows<kHeadSize>(call.dqkv, batch, tile.first, head);
  const float scale[kOwnRows] = {batch.score_scale, batch.score_scale, batch.score_scale, batch.score_scale};
  store_rows<kHeadSize>(gradients.queries + tile.start * gradients.stride, gradients.stride, valid_rows,
                        dqueries, scale);
}

// dk and dv: a block owns 64 keys of a key head; queries and dy of the heads that read it pass by. Rows of
// the products are keys.
template <int kHeadSize>
__global__ void __launch_bounds__(kThreads)
    attention_backward_key_f32_kernel(const AttentionBackward<float> call) {
  SharedArena shared;
  float* const keys = shared.take<float>(kRows * kStride<kHeadSize>);
  float* const values = shared.take<float>(kRows * kStride<kHeadSize>);
  float* const queries = shared.take<float>(kColumns * kStride<kHeadSize>);
  float* const dy = shared.take<float>(kColumns * kStride<kHeadSize>);
  float* const exchange = take_exchange<kHeadSize>(shared, values);
  const AttentionBatch& batch = call.batch;
  const RowTile tile = find_row_tile(batch, static_cast<int>(blockIdx.x), kRows);
  if (tile.start >= tile.length) return;
  const Place place;
  const int first_head = static_cast<int>(blockIdx.y) * batch.group, key = tile.start + place.first_row;
  const int valid_rows = tile.length - tile.start;
  const HeadRows<const float> rows = head_rows<kHeadSize>(call.qkv, batch, tile.first, first_head);
  const int64_t output_stride = static_cast<int64_t>(batch.heads) * kHeadSize;
  copy_rows<kHeadSize>(keys, rows.keys + tile.start * rows.stride, rows.stride, valid_rows, kRows);
  const auto copy_values = [&] {
    copy_rows<kHeadSize>(values, rows.values + tile.start * rows.stride, rows.stride, valid_rows, kRows);
  };
  if constexpr (!kExchangesOnValues<kHeadSize>) copy_values();

  float dkeys[kOwnRows][kHeadSize / kLanesARow] = {}, dvalues[kOwnRows][kHeadSize / kLanesARow] = {};
  const Range seen = queries_seeing(batch, tile.start, kRows, tile.length);
  for (int head = first_head; head < first_head + batch.group; ++head) {
    const float* const head_queries = rows.queries + (head - first_head) * kHeadSize;
    const float* const head_dy = call.dy + output_offset<kHeadSize>(batch, tile.first, head);
    const int64_t head_statistics = static_cast<int64_t>(head) * batch.tokens + tile.first;
    const DropoutBits bits(batch, tile.row, head);
    const float* const bias = head_bias(batch, head);
    for (int query = seen.first / kColumns * kColumns; query < seen.last; query += kColumns) {
      if constexpr (kExchangesOnValues<kHeadSize>) copy_values();
      copy_rows<kHeadSize>(queries, head_queries + query * rows.stride, rows.stride, tile.length - query,
                           kColumns);
      copy_rows<kHeadSize>(dy, head_dy + query * output_stride, output_stride, tile.length - query, kColumns);
      __syncthreads();  // the tiles are there
      const uint32_t kept = kept_products<RowsAre::keys>(batch, bits, key, query + place.column);
      Products scores, dweights;
      multiply<kHeadSize>(scores, keys, queries);
      multiply<kHeadSize>(dweights, values, dy);
      if constexpr (kExchangesOnValues<kHeadSize>) __syncthreads();  // the values have been read
      if (bias != nullptr) add_bias<RowsAre::keys>(scores, bias, key, query + place.column);
#pragma unroll
      for (int j = 0; j < kOwnColumns; ++j) {
        const int seen_query = query + place.column + kLanesARow * j;
        const bool valid = seen_query < tile.length;
        const float lse = valid ? call.lse[head_statistics + seen_query] : INFINITY;
        const float delta = valid ? call.delta[head_statistics + seen_query] : 0.0f;
#pragma unroll
        for (int i = 0; i < kOwnRows; ++i) {
          const bool hidden = is_hidden(batch, seen_query, key + i);
          const float probability = hidden ? 0.0f : expf(scores[i][j] * batch.score_scale - lse);
          scores[i][j] = is_kept(kept, i, j) ? probability : 0.0f;
          dweights[i][j] =
              probability * ((is_kept(kept, i, j) ? dweights[i][j] * batch.dropout_scale : 0.0f) - delta);
        }
      }
      add_product<kHeadSize>(dvalues, scores, exchange, dy);
      add_product<kHeadSize>(dkeys, dweights, exchange, queries);
      __syncthreads();  // the next iteration overwrites the tiles
    }
  }
  const HeadRows<float> gradients = head_rows<kHeadSize>(call.dqkv, batch, tile.first, first_head);
  const float key_scale[kOwnRows] = {batch.score_scale, batch.score_scale, batch.score_scale,
                                     batch.score_scale};
  const float value_scale[kOwnRows] = {batch.dropout_scale, batch.dropout_scale, batch.dropout_scale,
                                       batch.dropout_scale};
  store_rows<kHeadSize>(gradients.keys + tile.start * gradients.stride, gradients.stride, valid_rows, dkeys,
                        key_scale);
  store_rows<kHeadSize>(gradients.values + tile.start * gradients.stride, gradients.stride, valid_rows,
                        dvalues, value_scale);
}

// The bias' gradient: a block owns a head of a row. For each shift of keys against queries it adds up the
// gradients of the scores of all tiles of queries, whose distances are the same, and then along the
// diagonals.
template <int kHeadSize>
__global__ void __launch_bounds__(kThreads)
    attention_bias_gradient_f32_kernel(float* row_dbias, const AttentionBackward<float> call) {
  SharedArena shared;
  float* const queries = shared.take<float>(kRows * kStride<kHeadSize>);
  float* const dy = shared.take<float>(kRows * kStride<kHeadSize>);
  float* const keys = shared.take<float>(kColumns * kStride<kHeadSize>);
  float* const values = shared.take<float>(kColumns * kStride<kHeadSize>);
  float* const exchange = queries;  // between two shifts
  static_assert(kStride<kHeadSize> >= kWeightStride);
  const AttentionBatch& batch = call.batch;
  const int row = static_cast<int>(blockIdx.x), head = static_cast<int>(blockIdx.y);
  const int first = batch.cu_lengths[row], length = batch.cu_lengths[row + 1] - first;
  if (length == 0) return;
  const Place place;
  const HeadRows<const float> rows = head_rows<kHeadSize>(call.qkv, batch, first, head);
  const int64_t output_stride = static_cast<int64_t>(batch.heads) * kHeadSize;
  const float* const row_dy = call.dy + output_offset<kHeadSize>(batch, first, head);
  const int64_t statistics = static_cast<int64_t>(head) * batch.tokens + first;
  const DropoutBits bits(batch, row, head);
  const float* const bias = head_bias(batch, head);
  float* const sums = clear_row_bias(row_dbias, batch, head, first, length);

  const int last_query = (length - 1) / kRows * kRows;
  for (int shift = -last_query; shift < length; shift += kColumns) {
    Products gradients = {};
    for (int start = max(0, (-shift + kRows - 1) / kRows * kRows); start < length && start + shift < length;
         start += kRows) {
      const int key = start + shift, query = start + place.first_row;
      const Range seen = keys_seen(batch, start, kRows, length);
      if (key >= seen.last || key + kColumns <= seen.first) continue;
      copy_rows<kHeadSize>(queries, rows.queries + start * rows.stride, rows.stride, length - start, kRows);
      copy_rows<kHeadSize>(dy, row_dy + start * output_stride, output_stride, length - start, kRows);
      copy_rows<kHeadSize>(keys, rows.keys + key * rows.stride, rows.stride, length - key, kColumns);
      copy_rows<kHeadSize>(values, rows.values + key * rows.stride, rows.stride, length - key, kColumns);
      __syncthreads();  // the tiles are there
      float lse[kOwnRows], delta[kOwnRows];
#pragma unroll
      for (int i = 0; i < kOwnRows; ++i) {
        const bool valid = query + i < length;
        lse[i] = valid ? call.lse[statistics + query + i] : INFINITY;  // infinity: probability 0
        delta[i] = valid ? call.delta[statistics + query + i] : 0.0f;
      }
      const uint32_t kept = kept_products<RowsAre::queries>(batch, bits, query, key + place.column);
      Products scores, dweights;
      multiply<kHeadSize>(scores, queries, keys);
      multiply<kHeadSize>(dweights, dy, values);
      add_bias<RowsAre::queries>(scores, bias, query, key + place.column);
      score_gradients(scores, dweights, kept, QueryRows{lse, delta, query, length}, key + place.column,
                      batch);
#pragma unroll
      for (int i = 0; i < kOwnRows; ++i) {
#pragma unroll
        for (int j = 0; j < kOwnColumns; ++j) gradients[i][j] += scores[i][j];
      }
      __syncthreads();  // the next iteration overwrites the tiles
    }
#pragma unroll
    for (int i = 0; i < kOwnRows; ++i) {
#pragma unroll
      for (int j = 0; j < kOwnColumns; ++j) {
        exchange[(place.first_row + i) * kWeightStride + place.column + kLanesARow * j] = gradients[i][j];
      }
    }
    __syncthreads();  // every thread's gradients are there
    add_diagonals<kRows, kColumns, kWeightStride>(sums, exchange, shift, length);
    __syncthreads();  // the next shift overwrites them, and adds to some of the same sums
  }
}

}  // namespace

void launch_attention_forward(const AttentionForward<float>& call, int64_t head_size, GpuStream& stream) {
  with_head_size(head_size, [&]<int kHeadSize>() {
    launch(attention_forward_f32_kernel<kHeadSize>, row_tile_grid(call.batch, kRows, call.batch.heads),
           kThreads, tiles_bytes<kHeadSize>(1) + kExchangeBytes, stream, call);
  });
}

void launch_attention_backward(const AttentionBackward<float>& call, int64_t head_size, GpuStream& stream) {
  with_head_size(head_size, [&]<int kHeadSize>() {
    const AttentionBatch& batch = call.batch;
    launch(attention_backward_query_f32_kernel<kHeadSize>, row_tile_grid(batch, kRows, batch.heads), kThreads,
           backward_bytes<kHeadSize>, stream, call);
    launch(attention_backward_key_f32_kernel<kHeadSize>, row_tile_grid(batch, kRows, batch.key_heads),
           kThreads, backward_bytes<kHeadSize>, stream, call);
  });
}

void launch_attention_bias_gradient(float* row_dbias, const AttentionBackward<float>& call, int64_t head_size,
                                    GpuStream& stream) {
  with_head_size(head_size, [&]<int kHeadSize>() {
    launch(attention_bias_gradient_f32_kernel<kHeadSize>, row_grid(call.batch), kThreads,
           tiles_bytes<kHeadSize>(2), stream, row_dbias, call);
  });
}

}  // namespace limner
