// Attention forward in bf16, after FlashAttention-2 (Dao, "FlashAttention-2: Faster Attention with Better
// Parallelism and Work Partitioning", 2023): a warp keeps its queries, its output and the running maximum and
// sum of each query in registers and walks over the keys; scores never leave registers.
#include <cfloat>

#include "kernels/cuda/attention_tile.h"
#include "kernels/cuda/tuning.h"

namespace limner {
namespace {

// A warp's queries, in strips of 16. Two strips use each fragment of keys and values twice: with one strip a
// warp reads a byte of shared memory for eight multiplications, which is just what an A100 can deliver
// (128 bytes and 1024 bf16 multiplications a clock). Wide heads have no registers for the second strip.
template <int kHeadSize>
inline constexpr int kForwardStrips = kHeadSize <= 64 ? 2 : 1;

template <int kHeadSize, int kStrips>
struct Queries {
  uint32_t fragments[kStrips][kHeadSize / 16][4];
  float sums[kStrips][kHeadSize / 8][4] = {};  // of weights * values
  float most[kStrips][2];                      // largest score so far, unscaled; [half of the strip's rows]
  float total[kStrips][2] = {};                // sum of weights; each lane's share until store_queries()

  __device__ __forceinline__ void load(const HeadRows<const bf16>& rows, int first, int length) {
#pragma unroll
    for (int strip = 0; strip < kStrips; ++strip) {
      const int start = first + 16 * strip;
      load_fragments<kHeadSize>(fragments[strip], rows.queries + start * rows.stride, rows.stride,
                                length - start);
      // Not -infinity: a query may see none of the first keys, and the difference of two maxima is wanted.
      most[strip][0] = most[strip][1] = -FLT_MAX;
    }
  }
};

// Where a warp's scores lie in their row.
struct Span {
  int query, key, length;
};

// Scores that a query must not see become -infinity.
template <int kStrips, int kColumns>
__device__ __forceinline__ void hide_keys(float (&scores)[kStrips][kColumns][4], const Span& at,
                                          const AttentionBatch& batch) {
  const int first_query = at.query, last_query = at.query + 16 * kStrips - 1;
  const int first_key = at.key, last_key = at.key + 8 * kColumns - 1;
  if (last_key < at.length && !is_hidden(batch, first_query, last_key) &&
      !is_hidden(batch, last_query, first_key)) {
    return;
  }
  const Lane lane;
#pragma unroll
  for (int strip = 0; strip < kStrips; ++strip) {
#pragma unroll
    for (int n = 0; n < kColumns; ++n) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const int query = at.query + 16 * strip + lane.group + 8 * (i / 2);
        const int key = at.key + 8 * n + 2 * lane.pair + (i & 1);
        if (key >= at.length || is_hidden(batch, query, key)) scores[strip][n][i] = -INFINITY;
      }
    }
  }
}

// Scores become weights 2^((score - most) * scale2); what was summed under an older maximum is scaled down.
template <int kHeadSize, int kStrips, int kColumns>
__device__ __forceinline__ void update_softmax(Queries<kHeadSize, kStrips>& queries,
                                               float (&scores)[kStrips][kColumns][4], float scale2) {
#pragma unroll
  for (int strip = 0; strip < kStrips; ++strip) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      float most = queries.most[strip][half];
#pragma unroll
      for (int n = 0; n < kColumns; ++n) {
        most = fmaxf(most, fmaxf(scores[strip][n][2 * half], scores[strip][n][2 * half + 1]));
      }
      most = fmaxf(most, __shfl_xor_sync(kWholeWarp, most, 1));
      most = fmaxf(most, __shfl_xor_sync(kWholeWarp, most, 2));
      const float shrink = fast_exp2((queries.most[strip][half] - most) * scale2);
      queries.most[strip][half] = most;
      queries.total[strip][half] *= shrink;
#pragma unroll
      for (int n = 0; n < kHeadSize / 8; ++n) {
        queries.sums[strip][n][2 * half] *= shrink;
        queries.sums[strip][n][2 * half + 1] *= shrink;
      }
#pragma unroll
      for (int n = 0; n < kColumns; ++n) {
#pragma unroll
        for (int i = 2 * half; i < 2 * half + 2; ++i) {
          scores[strip][n][i] = fast_exp2(scores[strip][n][i] * scale2 - most * scale2);
          queries.total[strip][half] += scores[strip][n][i];
        }
      }
    }
  }
}

// The total keeps all weights: dropout comes after the softmax.
template <int kStrips, int kColumns>
__device__ __forceinline__ void drop_weights(float (&weights)[kStrips][kColumns][4], const DropoutBits& bits,
                                             const Span& at) {
#pragma unroll
  for (int strip = 0; strip < kStrips; ++strip) {
#pragma unroll
    for (int n = 0; n < kColumns; n += 2) {
      uint32_t words[4];
      draw_for_query_rows(words, bits, at.query + 16 * strip, at.key + 8 * n);
#pragma unroll
      for (int i = 0; i < 8; ++i) {
        if (!kept(bits, words, i / 4, i % 4)) weights[strip][n + i / 4][i % 4] = 0.0f;
      }
    }
  }
}

// The warp's queries meet 8 kColumns keys that lie in shared memory.
template <int kColumns, int kHeadSize, int kStrips>
__device__ __forceinline__ void attend(Queries<kHeadSize, kStrips>& queries, const bf16* keys,
                                       const bf16* values, const Span& at, const AttentionBatch& batch,
                                       const float* bias, const DropoutBits& bits) {
  float scores[kStrips][kColumns][4];
  multiply_by_rows<kHeadSize>(scores, queries.fragments, keys);
  if (bias != nullptr) add_bias<RowsAre::queries>(scores, bias, at.query, at.key);
  hide_keys(scores, at, batch);
  update_softmax(queries, scores, batch.score_scale * kLog2E);
  if (batch.drops) drop_weights(scores, bits, at);
  add_product<kHeadSize>(queries.sums, scores, values);
}

// y = sums / total, and the log-sum-exp.
template <int kHeadSize, int kStrips>
__device__ __forceinline__ void store_queries(Queries<kHeadSize, kStrips>& queries,
                                              const AttentionForward<bf16>& call, int head, int row_first,
                                              int query, int length) {
  const Lane lane;
#pragma unroll
  for (int strip = 0; strip < kStrips; ++strip) {
    const int start = query + 16 * strip;
    float scale[2];
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      float total = queries.total[strip][half];
      total += __shfl_xor_sync(kWholeWarp, total, 1);
      total += __shfl_xor_sync(kWholeWarp, total, 2);
      scale[half] = call.batch.dropout_scale / total;
      const int mine = start + lane.group + 8 * half;
      if (call.lse != nullptr && lane.pair == 0 && mine < length) {
        call.lse[static_cast<int64_t>(head) * call.batch.tokens + row_first + mine] =
            queries.most[strip][half] * call.batch.score_scale + logf(total);
      }
    }
    store_rows<kHeadSize>(call.y + output_offset<kHeadSize>(call.batch, row_first + start, head),
                          static_cast<int64_t>(call.batch.heads) * kHeadSize, length - start,
                          queries.sums[strip], scale);
  }
}

// Long rows. A block: 64 or 128 queries of one head of one row; tiles of 64 keys and values arrive by
// cp.async, one tile ahead.
template <int kHeadSize>
__global__ void __launch_bounds__(kTileThreads) attention_forward_kernel(const AttentionForward<bf16> call) {
  constexpr int kStrips = kForwardStrips<kHeadSize>, kQueries = 16 * kStrips * kTileWarps;
  SharedArena shared;
  bf16* const keys = shared.take<bf16>(2 * kTileElements<kHeadSize>);
  bf16* const values = shared.take<bf16>(2 * kTileElements<kHeadSize>);
  const AttentionBatch& batch = call.batch;
  const RowTile tile = find_row_tile(batch, static_cast<int>(blockIdx.x), kQueries);
  if (tile.start >= tile.length || tile.length <= tuning::kShortRow) return;
  const int head = static_cast<int>(blockIdx.y), warp = static_cast<int>(threadIdx.x / 32);
  const HeadRows<const bf16> rows = head_rows<kHeadSize>(call.qkv, batch, tile.first, head);
  const DropoutBits bits(batch, tile.row, head);
  const int query = tile.start + warp * 16 * kStrips;
  const Range seen = keys_seen(batch, tile.start, kQueries, tile.length),
              own = keys_seen(batch, query, 16 * kStrips, tile.length);
  const int start = seen.first / kTileRows * kTileRows;

  const auto copy_ahead = [&](int key, int stage) {
    copy_tile_async<kHeadSize>(keys + stage * kTileElements<kHeadSize>, rows.keys + key * rows.stride,
                               rows.stride, tile.length - key);
    copy_tile_async<kHeadSize>(values + stage * kTileElements<kHeadSize>, rows.values + key * rows.stride,
                               rows.stride, tile.length - key);
    cp_async_commit();
  };
  copy_ahead(start, 0);
  Queries<kHeadSize, kStrips> queries;
  queries.load(rows, query, tile.length);
  for (int key = start, stage = 0; key < seen.last; key += kTileRows, stage ^= 1) {
    if (key + kTileRows < seen.last) {
      copy_ahead(key + kTileRows, stage ^ 1);
      cp_async_wait<1>();
    } else {
      cp_async_wait<0>();
    }
    __syncthreads();  // every thread's copies of this stage have arrived
    if (query < tile.length && key < own.last && key + kTileRows > own.first) {
      attend<kTileRows / 8>(queries, keys + stage * kTileElements<kHeadSize>,
                            values + stage * kTileElements<kHeadSize>, Span{query, key, tile.length}, batch,
                            head_bias(batch, head), bits);
    }
    __syncthreads();  // the next iteration overwrites this stage
  }
  if (query < tile.length) store_queries(queries, call, head, tile.first, query, tile.length);
}

// Short rows. A block has room for tuning::kShortRow keys and values: one row of up to 128 tokens, two of up
// to 64 or four of up to 32, each served by its own warps (32 tokens a warp). Neighbouring items are heads of
// the same row, which lie side by side in memory. All keys arrive at once: one wait and one barrier in a
// block's life.
template <int kHeadSize>
__global__ void __launch_bounds__(kTileThreads)
    attention_forward_short_kernel(const AttentionForward<bf16> call, int warps_a_row) {
  constexpr int kKeys = 32;  // of one step: rows are multiplied in multiples of it
  SharedArena shared;
  bf16* const keys = shared.take<bf16>(tuning::kShortRow * kTileStride<kHeadSize>);
  bf16* const values = shared.take<bf16>(tuning::kShortRow * kTileStride<kHeadSize>);
  const AttentionBatch& batch = call.batch;
  const int warp = static_cast<int>(threadIdx.x / 32), slot = warp / warps_a_row,
            in_slot = warp % warps_a_row;
  const int item = static_cast<int>(blockIdx.x) * (kTileWarps / warps_a_row) + slot;
  const int row = min(item / batch.heads, batch.rows - 1), head = item % batch.heads;
  const int first = batch.cu_lengths[row];
  const int row_length = item / batch.heads < batch.rows ? batch.cu_lengths[row + 1] - first : 0;
  const int length = row_length <= tuning::kShortRow ? row_length : 0;
  const int offset = slot * warps_a_row * kKeys * kTileStride<kHeadSize>;
  const HeadRows<const bf16> rows = head_rows<kHeadSize>(call.qkv, batch, first, head);

  const int whole = (length + kKeys - 1) / kKeys * kKeys, threads = warps_a_row * 32;
  const int thread = static_cast<int>(threadIdx.x) - slot * threads;
  copy_rows_async<kHeadSize>(keys + offset, rows.keys, rows.stride, length, whole, thread, threads);
  copy_rows_async<kHeadSize>(values + offset, rows.values, rows.stride, length, whole, thread, threads);
  cp_async_commit();
  cp_async_wait<0>();
  __syncthreads();  // the row's keys and values were copied by all of its warps

  const DropoutBits bits(batch, row, head);
  for (int query = 16 * in_slot; query < length; query += 16 * warps_a_row) {
    Queries<kHeadSize, 1> queries;
    queries.load(rows, query, length);
    const Range seen = keys_seen(batch, query, 16, length);
    for (int key = seen.first / kKeys * kKeys; key < seen.last; key += kKeys) {
      attend<kKeys / 8>(queries, keys + offset + key * kTileStride<kHeadSize>,
                        values + offset + key * kTileStride<kHeadSize>, Span{query, key, length}, batch,
                        head_bias(batch, head), bits);
    }
    store_queries(queries, call, head, first, query, length);
  }
}

}  // namespace

void launch_attention_forward(const AttentionForward<bf16>& call, int64_t head_size, GpuStream& stream) {
  with_head_size(head_size, [&]<int kHeadSize>() {
    constexpr int kQueries = 16 * kForwardStrips<kHeadSize> * kTileWarps;
    launch(attention_forward_kernel<kHeadSize>, row_tile_grid(call.batch, kQueries, call.batch.heads),
           kTileThreads, 4 * kTileElements<kHeadSize> * sizeof(bf16), stream, call);
  });
}

void launch_attention_forward_short(const AttentionForward<bf16>& call, int64_t head_size, int64_t max_length,
                                    GpuStream& stream) {
  with_head_size(head_size, [&]<int kHeadSize>() {
    const int warps_a_row = max_length <= 32   ? 1
                            : max_length <= 64 ? 2
                                               : 4,
              rows_a_block = kTileWarps / warps_a_row;
    const int64_t items = static_cast<int64_t>(call.batch.rows) * call.batch.heads;
    launch(attention_forward_short_kernel<kHeadSize>, blocks_for(items, rows_a_block), kTileThreads,
           2 * tuning::kShortRow * kTileStride<kHeadSize> * sizeof(bf16), stream, call, warps_a_row);
  });
}

}  // namespace limner
