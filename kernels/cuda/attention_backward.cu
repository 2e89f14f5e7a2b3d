// Attention backward in bf16, without float atomics: two kernels, each of which alone owns what it adds to.
// With p the probabilities, s = p after dropout, dp the gradient of p and delta = dy . y (Dao,
// FlashAttention-2, algorithm 2; with dropout delta is still sum over keys of p * dp):
//   dv = s^T dy;  dp = dropout'(dy v^T);  dscore = p * (dp - delta);  dq = dscore k;  dk = dscore^T q
// Both kernels compute the scores again, seven products in all where one kernel with shared sums of dq would
// do with five; in exchange no sum is shared between blocks, so the result is the same bytes every time, and
// no score or probability ever leaves the registers of its warp.
#include "kernels/cuda/attention_tile.h"

namespace limner {
namespace {

// Keys (for dq) or queries (for dk, dv) that a warp works on at once. Twice as many give mma twice as many
// independent sums to hide its latency; heads of 128 have no registers for them in the dk, dv kernel.
inline constexpr int kQueryStep = 32;
template <int kHeadSize>
inline constexpr int kKeyStep = kHeadSize <= 96 ? 32 : 16;

// delta of the two rows of a lane's half-strips: dy . y over the head.
template <int kHeadSize>
__device__ __forceinline__ void row_products(float (&delta)[2], const bf16* dy, const bf16* y, int64_t stride,
                                             int valid_rows) {
  const Lane lane;
  const int row = lane.group + 8 * (lane.pair & 1);
  const int64_t offset = row * stride + 8 * (lane.pair >> 1);
  float sum = 0.0f;
  if (row < valid_rows) {
#pragma unroll
    for (int k = 0; k < kHeadSize / 16; ++k) {
      const uint4 left = *reinterpret_cast<const uint4*>(dy + offset + 16 * k);
      const uint4 right = *reinterpret_cast<const uint4*>(y + offset + 16 * k);
      const uint32_t a[4] = {left.x, left.y, left.z, left.w}, b[4] = {right.x, right.y, right.z, right.w};
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        // The upper 16 bits of an f32 are the bf16 of the same value.
        sum += __uint_as_float(a[i] << 16) * __uint_as_float(b[i] << 16);
        sum += __uint_as_float(a[i] & 0xFFFF0000u) * __uint_as_float(b[i] & 0xFFFF0000u);
      }
    }
  }
  sum += __shfl_xor_sync(kWholeWarp, sum, 2);  // the other chunks of the same row
  const float other = __shfl_xor_sync(kWholeWarp, sum, 1);
  delta[0] = lane.pair & 1 ? other : sum;
  delta[1] = lane.pair & 1 ? sum : other;
}

// dq, and delta for the kernel below. A block: 64 queries of one head of one row, 16 a warp; keys and values
// pass by.
template <int kHeadSize>
__global__ void __launch_bounds__(kTileThreads)
    attention_backward_query_kernel(const AttentionBackward<bf16> call) {
  SharedArena shared;
  bf16* const keys = shared.take<bf16>(2 * kTileElements<kHeadSize>);
  bf16* const values = shared.take<bf16>(2 * kTileElements<kHeadSize>);
  const AttentionBatch& batch = call.batch;
  const RowTile tile = find_row_tile(batch, static_cast<int>(blockIdx.x), kTileRows);
  if (tile.start >= tile.length) return;
  const Lane lane;
  const int head = static_cast<int>(blockIdx.y);
  const int query = tile.start + 16 * static_cast<int>(threadIdx.x / 32);
  const Range seen = keys_seen(batch, tile.start, kTileRows, tile.length),
              own = keys_seen(batch, query, 16, tile.length);
  const int start = seen.first / kTileRows * kTileRows;
  const HeadRows<const bf16> rows = head_rows<kHeadSize>(call.qkv, batch, tile.first, head);
  const DropoutBits bits(batch, tile.row, head);

  const auto copy_ahead = [&](int key, int stage) {
    copy_tile_async<kHeadSize>(keys + stage * kTileElements<kHeadSize>, rows.keys + key * rows.stride,
                               rows.stride, tile.length - key);
    copy_tile_async<kHeadSize>(values + stage * kTileElements<kHeadSize>, rows.values + key * rows.stride,
                               rows.stride, tile.length - key);
    cp_async_commit();
  };
  copy_ahead(start, 0);

  uint32_t queries[1][kHeadSize / 16][4], dy[1][kHeadSize / 16][4];
  float dqueries[1][kHeadSize / 8][4] = {}, lse2[2], delta[2];
  const int64_t output_stride = static_cast<int64_t>(batch.heads) * kHeadSize;
  const int64_t output = output_offset<kHeadSize>(batch, tile.first + query, head);
  load_fragments<kHeadSize>(queries[0], rows.queries + query * rows.stride, rows.stride, tile.length - query);
  load_fragments<kHeadSize>(dy[0], call.dy + output, output_stride, tile.length - query);
  row_products<kHeadSize>(delta, call.dy + output, call.y + output, output_stride, tile.length - query);
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int mine = query + lane.group + 8 * half;
    const int64_t at = static_cast<int64_t>(head) * batch.tokens + tile.first + mine;
    lse2[half] = mine < tile.length ? call.lse[at] * kLog2E : INFINITY;  // infinity: all probabilities 0
    if (mine < tile.length && lane.pair == 0) call.delta[at] = delta[half];
  }

  for (int key = start, stage = 0; key < seen.last; key += kTileRows, stage ^= 1) {
    if (key + kTileRows < seen.last) {
      copy_ahead(key + kTileRows, stage ^ 1);
      cp_async_wait<1>();
    } else {
      cp_async_wait<0>();
    }
    __syncthreads();  // every thread's copies of this stage have arrived
    const bf16* stage_keys = keys + stage * kTileElements<kHeadSize>;
    const bf16* stage_values = values + stage * kTileElements<kHeadSize>;
    const int tile_end = query < tile.length ? min(key + kTileRows, own.last) : key;
#pragma unroll 1
    for (int step = max(key, own.first / kQueryStep * kQueryStep); step < tile_end; step += kQueryStep) {
      const int offset = (step - key) * kTileStride<kHeadSize>;
      float scores[1][kQueryStep / 8][4], dweights[1][kQueryStep / 8][4];
      multiply_by_rows<kHeadSize>(scores, queries, stage_keys + offset);
      multiply_by_rows<kHeadSize>(dweights, dy, stage_values + offset);
#pragma unroll
      for (int n = 0; n < kQueryStep / 8; n += 2) {
        uint32_t words[4];
        if (batch.drops) draw_for_query_rows(words, bits, query, step + 8 * n);
#pragma unroll
        for (int i = 0; i < 8; ++i) {
          float& score = scores[0][n + i / 4][i % 4];
          float dweight = dweights[0][n + i / 4][i % 4];
          const int half = i % 4 / 2, seen_key = step + 8 * (n + i / 4) + 2 * lane.pair + i % 2;
          const bool hidden =
              seen_key >= tile.length || is_hidden(batch, query + lane.group + 8 * half, seen_key);
          const float probability =
              hidden ? 0.0f : fast_exp2(score * (batch.score_scale * kLog2E) - lse2[half]);
          if (batch.drops) dweight = kept(bits, words, i / 4, i % 4) ? dweight * batch.dropout_scale : 0.0f;
          score = probability * (dweight - delta[half]);
        }
      }
      add_product<kHeadSize>(dqueries, scores, stage_keys + offset);
    }
    __syncthreads();  // the next iteration overwrites this stage
  }
  const HeadRows<bf16> gradients = head_rows<kHeadSize>(call.dqkv, batch, tile.first, head);
  const float scale[2] = {batch.score_scale, batch.score_scale};
  store_rows<kHeadSize>(gradients.queries + query * gradients.stride, gradients.stride, tile.length - query,
                        dqueries[0], scale);
}

// dk and dv. A block: 64 keys of one key head of one row, 16 a warp; queries and dy of every head that reads
// it pass by, one head after the other. Scores are transposed (rows are keys), so that they are at once the
// left fragments of both sums.
template <int kHeadSize>
__global__ void __launch_bounds__(kTileThreads)
    attention_backward_key_kernel(const AttentionBackward<bf16> call) {
  constexpr int kStep = kKeyStep<kHeadSize>;
  SharedArena shared;
  bf16* const queries = shared.take<bf16>(2 * kTileElements<kHeadSize>);
  bf16* const dy = shared.take<bf16>(2 * kTileElements<kHeadSize>);
  float* const statistics = shared.take<float>(2 * 2 * kTileRows);  // [stage][lse * log2(e), delta][query]
  const AttentionBatch& batch = call.batch;
  const RowTile tile = find_row_tile(batch, static_cast<int>(blockIdx.x), kTileRows);
  if (tile.start >= tile.length) return;
  const Lane lane;
  const int thread = static_cast<int>(threadIdx.x), head = static_cast<int>(blockIdx.y) * batch.group;
  const int key = tile.start + 16 * (thread / 32);
  const Range seen = queries_seeing(batch, tile.start, kTileRows, tile.length),
              own = queries_seeing(batch, key, 16, tile.length);
  // Item i: tile i % tiles of the queries of the group's head i / tiles.
  const int start = seen.first / kTileRows * kTileRows,
            tiles = (seen.last - start + kTileRows - 1) / kTileRows, items = batch.group * tiles;
  const HeadRows<const bf16> rows = head_rows<kHeadSize>(call.qkv, batch, tile.first, head);
  const int64_t output_stride = static_cast<int64_t>(batch.heads) * kHeadSize;
  const bf16* const head_dy = call.dy + output_offset<kHeadSize>(batch, tile.first, head);
  const int64_t head_statistics = static_cast<int64_t>(head) * batch.tokens + tile.first;

  const auto copy_ahead = [&](int item, int stage) {
    const int query = start + item % tiles * kTileRows, column = item / tiles * kHeadSize;
    copy_tile_async<kHeadSize>(queries + stage * kTileElements<kHeadSize>,
                               rows.queries + query * rows.stride + column, rows.stride, tile.length - query);
    copy_tile_async<kHeadSize>(dy + stage * kTileElements<kHeadSize>,
                               head_dy + query * output_stride + column, output_stride, tile.length - query);
    cp_async_commit();
  };
  // A thread's share of a tile's statistics, read one tile ahead and put down after the work on the tile
  // before.
  const auto statistic = [&](int item) {
    const int query = start + item % tiles * kTileRows + thread % kTileRows;
    const int64_t at = head_statistics + static_cast<int64_t>(item / tiles) * batch.tokens + query;
    const bool valid = query < tile.length;
    if (thread < kTileRows) return valid ? call.lse[at] * kLog2E : INFINITY;  // probability 0
    return valid ? call.delta[at] : 0.0f;
  };

  copy_ahead(0, 0);
  statistics[thread] = statistic(0);
  uint32_t keys[1][kHeadSize / 16][4], values[1][kHeadSize / 16][4];
  load_fragments<kHeadSize>(keys[0], rows.keys + key * rows.stride, rows.stride, tile.length - key);
  load_fragments<kHeadSize>(values[0], rows.values + key * rows.stride, rows.stride, tile.length - key);
  float dkeys[1][kHeadSize / 8][4] = {}, dvalues[1][kHeadSize / 8][4] = {};

  for (int item = 0, stage = 0; item < items; ++item, stage ^= 1) {
    const bool more = item + 1 < items;
    float ahead = 0.0f;
    if (more) {
      copy_ahead(item + 1, stage ^ 1);
      ahead = statistic(item + 1);
      cp_async_wait<1>();
    } else {
      cp_async_wait<0>();
    }
    __syncthreads();  // every thread's copies and statistics of this stage have arrived
    const float* lse2 = statistics + stage * 2 * kTileRows;
    const float* delta = lse2 + kTileRows;
    const int query = start + item % tiles * kTileRows;
    const int tile_end = key < tile.length ? min(query + kTileRows, own.last) : query;
    const DropoutBits bits(batch, tile.row, head + item / tiles);
#pragma unroll 1
    for (int step = max(query, own.first / kStep * kStep); step < tile_end; step += kStep) {
      const int offset = stage * kTileElements<kHeadSize> + (step - query) * kTileStride<kHeadSize>;
      float scores[1][kStep / 8][4], dweights[1][kStep / 8][4];
      multiply_by_rows<kHeadSize>(scores, keys, queries + offset);
      multiply_by_rows<kHeadSize>(dweights, values, dy + offset);
#pragma unroll
      for (int n = 0; n < kStep / 8; n += 2) {
        uint32_t words[4];
        if (batch.drops) draw_for_key_rows(words, bits, step + 8 * n, key);
#pragma unroll
        for (int i = 0; i < 8; ++i) {
          float& score = scores[0][n + i / 4][i % 4];
          float& dweight = dweights[0][n + i / 4][i % 4];
          const int in_tile = step - query + 8 * (n + i / 4) + 2 * lane.pair + i % 2;
          const bool hidden = is_hidden(batch, query + in_tile, key + lane.group + 8 * (i % 4 / 2));
          const float probability =
              hidden ? 0.0f : fast_exp2(score * (batch.score_scale * kLog2E) - lse2[in_tile]);
          const bool keeps = !batch.drops || kept(bits, words, i / 4, i % 4);
          const float dprobability = keeps ? dweight * batch.dropout_scale : 0.0f;
          score = keeps ? probability : 0.0f;
          dweight = probability * (dprobability - delta[in_tile]);
        }
      }
      add_product<kHeadSize>(dvalues, scores, dy + offset);
      add_product<kHeadSize>(dkeys, dweights, queries + offset);
    }
    if (more) statistics[(stage ^ 1) * 2 * kTileRows + thread] = ahead;
    __syncthreads();  // the next iteration overwrites this stage
  }
  const HeadRows<bf16> gradients = head_rows<kHeadSize>(call.dqkv, batch, tile.first, head);
  const float key_scale[2] = {batch.score_scale, batch.score_scale};
  const float value_scale[2] = {batch.dropout_scale, batch.dropout_scale};
  store_rows<kHeadSize>(gradients.keys + key * gradients.stride, gradients.stride, tile.length - key,
                        dkeys[0], key_scale);
  store_rows<kHeadSize>(gradients.values + key * gradients.stride, gradients.stride, tile.length - key,
                        dvalues[0], value_scale);
}

}  // namespace

void launch_attention_backward(const AttentionBackward<bf16>& call, int64_t head_size, cudaStream_t stream) {
  with_head_size(head_size, [&]<int kHeadSize>() {
    const AttentionBatch& batch = call.batch;
    const size_t tiles_bytes = 4 * kTileElements<kHeadSize> * sizeof(bf16);
    launch(attention_backward_query_kernel<kHeadSize>, row_tile_grid(batch, kTileRows, batch.heads),
           kTileThreads, tiles_bytes, stream, call);
    launch(attention_backward_key_kernel<kHeadSize>,
           row_tile_grid(batch, kTileRows, batch.heads / batch.group), kTileThreads,
           tiles_bytes + 4 * kTileRows * sizeof(float), stream, call);
  });
}

}  // namespace limner
