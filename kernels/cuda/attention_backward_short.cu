// Attention backward in bf16 of short rows: a warp has a row of its own, up to tuning::kShortBackwardRow
// tokens of one head, and no warp waits for another. Neighbouring warps have heads of the same row, which lie
// side by side in memory.
#include "kernels/cuda/attention_strips.h"
#include "kernels/cuda/tuning.h"

namespace limner {
namespace {

constexpr int kRow = tuning::kShortBackwardRow;
static_assert(kRow % kQueryStep == 0 && kRow == kWarpSize,
              "steps are whole; a lane has one query's statistics");
template <int kHeadSize>
inline constexpr int kRowElements = kRow* kTileStride<kHeadSize>;

// The warp's row and the first of `group` query heads, where each row has `heads` such groups; length 0 where
// there is nothing to do.
__device__ __forceinline__ HeadOfRow short_row(const AttentionBatch& batch, int heads, int group) {
  const int item = static_cast<int>(blockIdx.x * kTileWarps + threadIdx.x / 32);
  const int row = item / heads;
  if (row >= batch.rows) return {};
  const int first = batch.cu_lengths[row], length = batch.cu_lengths[row + 1] - first;
  return {row, first, length <= kRow ? length : 0, item % heads * group};
}

template <int kHeadSize>
__device__ __forceinline__ void copy_row_async(bf16* tile, const bf16* rows, int64_t stride, int length) {
  copy_rows_async<kHeadSize>(tile, rows, stride, length, kRow, static_cast<int>(threadIdx.x % 32), 32);
}

// dq, and delta for the kernel below.
template <int kHeadSize>
__global__ void __launch_bounds__(kTileThreads)
    attention_backward_short_query_kernel(const AttentionBackward<bf16> call) {
  SharedArena shared;
  const int warp = static_cast<int>(threadIdx.x / 32);
  bf16* const keys = shared.take<bf16>(kTileWarps * kRowElements<kHeadSize>) + warp * kRowElements<kHeadSize>;
  bf16* const values =
      shared.take<bf16>(kTileWarps * kRowElements<kHeadSize>) + warp * kRowElements<kHeadSize>;
  const AttentionBatch& batch = call.batch;
  const HeadOfRow at = short_row(batch, batch.heads, 1);
  if (at.length == 0) return;
  const HeadRows<const bf16> rows = head_rows<kHeadSize>(call.qkv, batch, at.first, at.head);
  copy_row_async<kHeadSize>(keys, rows.keys, rows.stride, at.length);
  copy_row_async<kHeadSize>(values, rows.values, rows.stride, at.length);
  cp_async_commit();
  cp_async_wait<0>();
  __syncwarp();  // every lane's copies have arrived
  const DropoutBits bits(batch, at.row, at.head);
#pragma unroll 1
  for (int query = 0; query < at.length; query += 16) {
    QueryStrip<kHeadSize> strip;
    strip.load(call, at, query);
    strip.meet_keys(keys, values, 0, Range{0, at.length}, batch, head_bias(batch, at.head), at.length, bits);
    strip.store(call, at);
  }
}

// dk and dv of a key head, whose query heads are met one after the other.
template <int kHeadSize>
__global__ void __launch_bounds__(kTileThreads)
    attention_backward_short_key_kernel(const AttentionBackward<bf16> call) {
  SharedArena shared;
  const int warp = static_cast<int>(threadIdx.x / 32), lane = static_cast<int>(threadIdx.x % 32);
  bf16* const queries =
      shared.take<bf16>(kTileWarps * kRowElements<kHeadSize>) + warp * kRowElements<kHeadSize>;
  bf16* const dy = shared.take<bf16>(kTileWarps * kRowElements<kHeadSize>) + warp * kRowElements<kHeadSize>;
  float* const lse2 = shared.take<float>(kTileWarps * kRow) + warp * kRow;
  float* const delta = shared.take<float>(kTileWarps * kRow) + warp * kRow;
  const AttentionBatch& batch = call.batch;
  const HeadOfRow at = short_row(batch, batch.key_heads, batch.group);
  if (at.length == 0) return;
  const HeadRows<const bf16> rows = head_rows<kHeadSize>(call.qkv, batch, at.first, at.head);
  const int64_t output_stride = static_cast<int64_t>(batch.heads) * kHeadSize;
  const bf16* const output_gradients = call.dy + output_offset<kHeadSize>(batch, at.first, at.head);
#pragma unroll 1
  for (int key = 0; key < at.length; key += 16) {
    KeyStrip<kHeadSize> strip;
    strip.load(call, at, key);
#pragma unroll 1
    for (int member = 0; member < batch.group; ++member) {
      __syncwarp();  // every lane is done with the head before
      copy_row_async<kHeadSize>(queries, rows.queries + member * kHeadSize, rows.stride, at.length);
      copy_row_async<kHeadSize>(dy, output_gradients + member * kHeadSize, output_stride, at.length);
      cp_async_commit();
      const int64_t place = static_cast<int64_t>(at.head + member) * batch.tokens + at.first + lane;
      lse2[lane] = lane < at.length ? call.lse[place] * kLog2E : INFINITY;  // infinity: probability 0
      delta[lane] = lane < at.length ? call.delta[place] : 0.0f;
      cp_async_wait<0>();
      __syncwarp();  // every lane's copies and statistics have arrived
      strip.meet_queries(queries, dy, lse2, delta, 0, Range{0, at.length}, batch, at.head + member,
                         DropoutBits(batch, at.row, at.head + member));
    }
    strip.store(call, at);
  }
}

}  // namespace

void launch_attention_backward_short(const AttentionBackward<bf16>& call, int64_t head_size,
                                     GpuStream& stream) {
  with_head_size(head_size, [&]<int kHeadSize>() {
    const AttentionBatch& batch = call.batch;
    const int64_t rows = batch.rows;
    const size_t row_bytes = 2 * kTileWarps * kRowElements<kHeadSize> * sizeof(bf16);
    launch(attention_backward_short_query_kernel<kHeadSize>, blocks_for(rows * batch.heads, kTileWarps),
           kTileThreads, row_bytes, stream, call);
    launch(attention_backward_short_key_kernel<kHeadSize>, blocks_for(rows * batch.key_heads, kTileWarps),
           kTileThreads, row_bytes + 2 * kTileWarps * kRow * sizeof(float), stream, call);
  });
}

}  // namespace limner
