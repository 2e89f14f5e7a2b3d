// Attention backward in bf16, without float atomics: two kernels, each of which alone owns what it adds to.
// Both compute the scores again, seven products in all where one kernel with shared sums of dq would do with
// five; in exchange no sum is shared between blocks, so the result is the same bytes every time.
#include "kernels/cuda/attention_strips.h"
#include "kernels/cuda/tuning.h"

namespace limner {
namespace {

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
  if (tile.start >= tile.length || tile.length <= tuning::kShortBackwardRow) return;
  const HeadOfRow at{tile.row, tile.first, tile.length, static_cast<int>(blockIdx.y)};
  const int query = tile.start + 16 * static_cast<int>(threadIdx.x / 32);
  const Range seen = keys_seen(batch, tile.start, kTileRows, tile.length),
              own = keys_seen(batch, query, 16, tile.length);
  const int start = seen.first / kTileRows * kTileRows;
  const HeadRows<const bf16> rows = head_rows<kHeadSize>(call.qkv, batch, tile.first, at.head);
  const DropoutBits bits(batch, tile.row, at.head);

  const auto copy_ahead = [&](int key, int stage) {
    copy_tile_async<kHeadSize>(keys + stage * kTileElements<kHeadSize>, rows.keys + key * rows.stride,
                               rows.stride, tile.length - key);
    copy_tile_async<kHeadSize>(values + stage * kTileElements<kHeadSize>, rows.values + key * rows.stride,
                               rows.stride, tile.length - key);
    cp_async_commit();
  };
  copy_ahead(start, 0);
  QueryStrip<kHeadSize> strip;
  strip.load(call, at, query);
  for (int key = start, stage = 0; key < seen.last; key += kTileRows, stage ^= 1) {
    if (key + kTileRows < seen.last) {
      copy_ahead(key + kTileRows, stage ^ 1);
      cp_async_wait<1>();
    } else {
      cp_async_wait<0>();
    }
    __syncthreads();  // every thread's copies of this stage have arrived
    const Range steps{max(key, own.first / kQueryStep * kQueryStep),
                      query < tile.length ? min(key + kTileRows, own.last) : key};
    strip.meet_keys(keys + stage * kTileElements<kHeadSize>, values + stage * kTileElements<kHeadSize>, key,
                    steps, batch, head_bias(batch, at.head), tile.length, bits);
    __syncthreads();  // the next iteration overwrites this stage
  }
  strip.store(call, at);
}

// dk and dv. A block: 64 keys of one key head of one row, 16 a warp; queries and dy of every head that reads
// it pass by, one head after the other.
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
  if (tile.start >= tile.length || tile.length <= tuning::kShortBackwardRow) return;
  const HeadOfRow at{tile.row, tile.first, tile.length, static_cast<int>(blockIdx.y) * batch.group};
  const int thread = static_cast<int>(threadIdx.x), key = tile.start + 16 * (thread / 32);
  const Range seen = queries_seeing(batch, tile.start, kTileRows, tile.length),
              own = queries_seeing(batch, key, 16, tile.length);
  // Item i: tile i % tiles of the queries of the group's head i / tiles.
  const int start = seen.first / kTileRows * kTileRows,
            tiles = (seen.last - start + kTileRows - 1) / kTileRows, items = batch.group * tiles;
  const HeadRows<const bf16> rows = head_rows<kHeadSize>(call.qkv, batch, tile.first, at.head);
  const int64_t output_stride = static_cast<int64_t>(batch.heads) * kHeadSize;
  const bf16* const head_dy = call.dy + output_offset<kHeadSize>(batch, tile.first, at.head);
  const int64_t head_statistics = static_cast<int64_t>(at.head) * batch.tokens + tile.first;

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
    const int64_t place = head_statistics + static_cast<int64_t>(item / tiles) * batch.tokens + query;
    const bool valid = query < tile.length;
    if (thread < kTileRows) return valid ? call.lse[place] * kLog2E : INFINITY;  // probability 0
    return valid ? call.delta[place] : 0.0f;
  };

  copy_ahead(0, 0);
  statistics[thread] = statistic(0);
  KeyStrip<kHeadSize> strip;
  strip.load(call, at, key);
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
    const int query = start + item % tiles * kTileRows;
    const Range steps{max(query, own.first / kStep * kStep),
                      key < tile.length ? min(query + kTileRows, own.last) : query};
    const float* const lse2 = statistics + stage * 2 * kTileRows;
    strip.meet_queries(queries + stage * kTileElements<kHeadSize>, dy + stage * kTileElements<kHeadSize>,
                       lse2, lse2 + kTileRows, query, steps, batch, at.head + item / tiles,
                       DropoutBits(batch, tile.row, at.head + item / tiles));
    if (more) statistics[(stage ^ 1) * 2 * kTileRows + thread] = ahead;
    __syncthreads();  // the next iteration overwrites this stage
  }
  strip.store(call, at);
}

}  // namespace

void launch_attention_backward(const AttentionBackward<bf16>& call, int64_t head_size, GpuStream& stream) {
  with_head_size(head_size, [&]<int kHeadSize>() {
    const AttentionBatch& batch = call.batch;
    const size_t tiles_bytes = 4 * kTileElements<kHeadSize> * sizeof(bf16);
    launch(attention_backward_query_kernel<kHeadSize>, row_tile_grid(batch, kTileRows, batch.heads),
           kTileThreads, tiles_bytes, stream, call);
    launch(attention_backward_key_kernel<kHeadSize>, row_tile_grid(batch, kTileRows, batch.key_heads),
           kTileThreads, tiles_bytes + 4 * kTileRows * sizeof(float), stream, call);
  });
}

}  // namespace limner
