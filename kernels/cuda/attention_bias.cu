// Attention's bias by distance: how the kernels read it, and its gradient in bf16 (attention_f32.cu has that
// in f32). The gradient is a pass of its own, which computes the scores once more: two products beside the
// seven of the backward, and nothing in it where there is no bias.
#include "kernels/cuda/attention_bias.h"

#include "kernels/cuda/attention_strips.h"

namespace limner {
namespace {

constexpr int kSpreadThreads = 256;

// One thread a number of a head: beyond the distances that there are, 0.
__global__ void __launch_bounds__(kSpreadThreads)
    spread_bias_kernel(float* spread, int reach, float factor, const float* bias, int64_t distances,
                       int heads) {
  const int64_t index = int64_t{blockIdx.x} * kSpreadThreads + threadIdx.x, head = blockIdx.y;
  if (index >= bias_stride(reach)) return;
  const int64_t distance = index - reach + distances / 2;
  const bool there = distance >= 0 && distance < distances;
  spread[head * bias_stride(reach) + index] = there ? bias[distance * heads + head] * factor : 0.0f;
}

// A block: a head of a row. For each shift of keys against queries, in tiles of 64, it adds up the gradients
// of the scores of all tiles, whose distances are the same, and then along the diagonals.
constexpr int kDiagonalStride = kTileRows + 1;
template <int kHeadSize>
__global__ void __launch_bounds__(kTileThreads)
    attention_bias_gradient_kernel(float* row_dbias, const AttentionBackward<bf16> call) {
  SharedArena shared;
  bf16* const keys = shared.take<bf16>(kTileElements<kHeadSize>);
  bf16* const values = shared.take<bf16>(kTileElements<kHeadSize>);
  float* const diagonals = shared.take<float>(kTileRows * kDiagonalStride);
  const AttentionBatch& batch = call.batch;
  const int row = static_cast<int>(blockIdx.x), head = static_cast<int>(blockIdx.y);
  const int first = batch.cu_lengths[row], length = batch.cu_lengths[row + 1] - first;
  if (length == 0) return;
  const Lane lane;
  const int warp_row = 16 * static_cast<int>(threadIdx.x / 32);
  const HeadOfRow at{row, first, length, head};
  const HeadRows<const bf16> rows = head_rows<kHeadSize>(call.qkv, batch, first, head);
  const DropoutBits bits(batch, row, head);
  const float* const bias = head_bias(batch, head);
  float* const sums = clear_row_bias(row_dbias, batch, head, first, length);

  const int last = (length - 1) / kTileRows * kTileRows;  // tile
  for (int shift = -last; shift <= last; shift += kTileRows) {
    float gradients[kTileRows / 8][4] = {};
    for (int start = max(0, -shift); start <= last && start + shift <= last; start += kTileRows) {
      const int key = start + shift, query = start + warp_row;
      const Range seen = keys_seen(batch, start, kTileRows, length);
      if (key >= seen.last || key + kTileRows <= seen.first) continue;
      copy_tile_async<kHeadSize>(keys, rows.keys + key * rows.stride, rows.stride, length - key);
      copy_tile_async<kHeadSize>(values, rows.values + key * rows.stride, rows.stride, length - key);
      cp_async_commit();
      QueryStrip<kHeadSize> strip;
      strip.load(call, at, query);
      cp_async_wait<0>();
      __syncthreads();  // every thread's copies have arrived
#pragma unroll
      for (int step = 0; step < kTileRows; step += kQueryStep) {
        float scores[1][kQueryStep / 8][4];
        strip.score_gradients(scores, keys + step * kTileStride<kHeadSize>,
                              values + step * kTileStride<kHeadSize>, key + step, batch, bias, length, bits);
#pragma unroll
        for (int n = 0; n < kQueryStep / 8; ++n) {
#pragma unroll
          for (int i = 0; i < 4; ++i) gradients[step / 8 + n][i] += scores[0][n][i];
        }
      }
      __syncthreads();  // the next iteration overwrites the tiles
    }
#pragma unroll
    for (int n = 0; n < kTileRows / 8; ++n) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const int tile_row = warp_row + lane.group + 8 * (i / 2);
        diagonals[tile_row * kDiagonalStride + 8 * n + 2 * lane.pair + (i & 1)] = gradients[n][i];
      }
    }
    __syncthreads();  // every thread's gradients are there
    add_diagonals<kTileRows, kTileRows, kDiagonalStride>(sums, diagonals, shift, length);
    __syncthreads();  // the next shift overwrites them, and adds to some of the same sums
  }
}

// A block: 32 distances of one head; warp w adds rows w, w + 8, …, then the first warp the warps' sums in
// order.
constexpr int kRowWarps = 8;
__global__ void __launch_bounds__(kRowWarps* kWarpSize)
    sum_row_biases_kernel(float* dbias, int64_t distances, const float* row_dbias, const AttentionBatch batch,
                          int reach) {
  SHARED_ARRAY(float, sums, [kRowWarps][kWarpSize]);
  const int lane = static_cast<int>(threadIdx.x) % kWarpSize,
            warp = static_cast<int>(threadIdx.x) / kWarpSize, head = static_cast<int>(blockIdx.y);
  const int distance = static_cast<int>(blockIdx.x) * kWarpSize + lane - reach;
  float sum = 0.0f;
  for (int row = warp; row < batch.rows; row += kRowWarps) {
    const int first = batch.cu_lengths[row], length = batch.cu_lengths[row + 1] - first;
    if (distance <= -length || distance >= length) continue;
    sum += row_dbias[2 * (static_cast<int64_t>(head) * batch.tokens + first) + length - 1 + distance];
  }
  sums[warp][lane] = sum;
  __syncthreads();
  if (warp > 0 || distance > reach) return;
  float total = 0.0f;
#pragma unroll
  for (int w = 0; w < kRowWarps; ++w) total += sums[w][lane];
  dbias[(distances / 2 + distance) * batch.heads + head] += total;
}

}  // namespace

void launch_spread_bias(float* spread, int reach, float score_scale, const Tensor& bias, GpuStream& stream) {
  const auto heads = static_cast<unsigned>(bias.dim(1));
  launch(spread_bias_kernel, dim3(blocks_for(bias_stride(reach), kSpreadThreads), heads), kSpreadThreads, 0,
         stream, spread, reach, 1.0f / score_scale, device_data<float>(bias), bias.dim(0),
         static_cast<int>(heads));
}

void launch_attention_bias_gradient(float* row_dbias, const AttentionBackward<bf16>& call, int64_t head_size,
                                    GpuStream& stream) {
  with_head_size(head_size, [&]<int kHeadSize>() {
    const size_t shared_bytes =
        2 * kTileElements<kHeadSize> * sizeof(bf16) + kTileRows * kDiagonalStride * sizeof(float);
    launch(attention_bias_gradient_kernel<kHeadSize>, row_grid(call.batch), kTileThreads, shared_bytes,
           stream, row_dbias, call);
  });
}

void launch_sum_row_biases(const Tensor& dbias, const float* row_dbias, const AttentionBatch& batch,
                           int64_t max_length, GpuStream& stream) {
  if (max_length == 0) return;
  const auto reach = static_cast<int>(max_length - 1);
  launch(sum_row_biases_kernel,
         dim3(blocks_for(2 * reach + 1, kWarpSize), static_cast<unsigned>(batch.heads)),
         kRowWarps * kWarpSize, 0, stream, device_data<float>(dbias), dbias.dim(0), row_dbias, batch, reach);
}

}  // namespace limner
