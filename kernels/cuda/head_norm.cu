// Norms of single heads, which are narrower than a warp is wide: eight lanes share one, four heads a warp.
#include <algorithm>

#include "kernels/cuda/check_device.h"
#include "kernels/cuda/chunk.h"
#include "kernels/cuda/column_sums.h"
#include "kernels/cuda/cuda_backend.h"
#include "kernels/cuda/gpu.h"
#include "kernels/cuda/tuning.h"

namespace limner {

namespace {

constexpr int kHeadLanes = 8;
constexpr int kHeadColumns = kHeadLanes * kChunk;  // that the lanes of a head take at once
constexpr int kWarpHeads = kWarpSize / kHeadLanes;
constexpr int kHeadWarps = 8;

// A token's heads: the queries', the keys', the values', `size` elements each.
struct Heads {
  int64_t queries, normed, all, size;
  __device__ const float* gamma(int64_t head, const float* query_gamma, const float* key_gamma) const {
    return head < queries ? query_gamma : key_gamma;
  }
};
Heads heads_of(const AttentionShape& shape) {
  const int64_t keys = shape.key_head_count();
  return {shape.heads, shape.heads + keys, shape.heads + 2 * keys, shape.head_size};
}

__device__ __forceinline__ int head_lane() { return static_cast<int>(threadIdx.x) % kHeadLanes; }
__device__ __forceinline__ int head_slot() { return static_cast<int>(threadIdx.x) / kHeadLanes; }

// Of the lanes of a head; the whole warp calls.
__device__ __forceinline__ float head_sum(float value) {
#pragma unroll
  for (int lanes = kHeadLanes / 2; lanes > 0; lanes /= 2) value += __shfl_xor_sync(kWholeWarp, value, lanes);
  return value;
}

template <class T>
struct HeadNormForward {
  T* y;
  float* rstd;  // may be null
  const T* x;
  const float *query_gamma, *key_gamma;
  int64_t tokens;
  Heads heads;
  float epsilon;
};

template <class T>
__global__ void __launch_bounds__(kHeadWarps* kWarpSize) head_norm_forward_kernel(HeadNormForward<T> call) {
  const Heads& heads = call.heads;
  const int64_t item = int64_t{blockIdx.x} * kHeadWarps * kWarpHeads + head_slot();
  const int64_t token = item / heads.all, head = item % heads.all;
  const int64_t width = token < call.tokens ? heads.size : 0;  // lanes without a head still meet the others
  const T* const x = call.x + item * heads.size;
  T* const y = call.y + item * heads.size;
  float squares = 0.0f;
  for (int64_t c = head_lane() * kChunk; c < width; c += kHeadColumns) {
    const Chunk value = load_chunk(x + c, width - c);
#pragma unroll
    for (int i = 0; i < kChunk; ++i) squares += value.value[i] * value.value[i];
  }
  const float rstd = 1.0f / sqrtf(head_sum(squares) / static_cast<float>(heads.size) + call.epsilon);
  const bool is_value = head >= heads.normed;
  if (is_value && x == y) return;
  const float* const gamma = heads.gamma(head, call.query_gamma, call.key_gamma);
  for (int64_t c = head_lane() * kChunk; c < width; c += kHeadColumns) {
    const int64_t left = width - c;
    Chunk value = load_chunk(x + c, left);
    if (!is_value) {
      const Chunk scale = load_chunk(gamma + c, left);
#pragma unroll
      for (int i = 0; i < kChunk; ++i) value.value[i] = value.value[i] * rstd * scale.value[i];
    }
    store_chunk(y + c, value, left);
  }
  if (call.rstd != nullptr && width > 0 && !is_value && head_lane() == 0) {
    call.rstd[token * heads.normed + head] = rstd;
  }
}

template <class T>
struct HeadNormBackward {
  T* dx;
  float *dquery_gammas, *dkey_gammas;  // [blocks, head size]: each block's sums
  const T *dy, *x;
  const float *rstd, *query_gamma, *key_gamma;
  int64_t tokens, piece;
  Heads heads;
};

// A block takes the heads of `piece` tokens, one after the other by turns of its slots. A slot's lanes add up
// the gradients of both gammas in shared memory; at the end the slots' sums are added in order.
template <class T>
__global__ void __launch_bounds__(kHeadWarps* kWarpSize) head_norm_backward_kernel(HeadNormBackward<T> call) {
  SharedArena arena;
  const Heads& heads = call.heads;
  const int64_t size = heads.size, columns = padded(size);
  const int slots = static_cast<int>(blockDim.x) / kHeadLanes;
  float* const sums = arena.take<float>(static_cast<size_t>(slots * 2 * columns));
  float* const own = sums + head_slot() * 2 * columns;  // the queries', the keys'
  for (int64_t c = head_lane() * kChunk; c < columns; c += kHeadColumns) {
    store_whole(own + c, Chunk{});
    store_whole(own + columns + c, Chunk{});
  }

  const int64_t first = blockIdx.x * call.piece * heads.all,
                last = min(call.tokens, (blockIdx.x + 1) * call.piece) * heads.all;
  for (int64_t start = first; start < last; start += slots) {
    const int64_t item = start + head_slot(), head = item % heads.all;
    const bool is_value = head >= heads.normed;
    const int64_t width = item < last ? size : 0, at = item * size;
    const float* const gamma = heads.gamma(head, call.query_gamma, call.key_gamma);
    float* const dgamma = own + (head < heads.queries ? 0 : columns);
    const float rstd = width > 0 && !is_value ? call.rstd[item / heads.all * heads.normed + head] : 0.0f;
    float total = 0.0f;
    for (int64_t c = head_lane() * kChunk; c < width && !is_value; c += kHeadColumns) {
      const int64_t left = width - c;
      const Chunk dy = load_chunk(call.dy + at + c, left), x = load_chunk(call.x + at + c, left);
      const Chunk scale = load_chunk(gamma + c, left);
      Chunk sum;
      load_whole(sum, dgamma + c);
#pragma unroll
      for (int i = 0; i < kChunk; ++i) {  // behind the last column everything is 0
        const float normal = x.value[i] * rstd;
        sum.value[i] += dy.value[i] * normal;
        total += dy.value[i] * scale.value[i] * normal;
      }
      store_whole(dgamma + c, sum);
    }
    const float average = head_sum(total) / static_cast<float>(size);
    if (is_value && call.dx == call.dy) continue;
    for (int64_t c = head_lane() * kChunk; c < width; c += kHeadColumns) {
      const int64_t left = width - c;
      Chunk gradient = load_chunk(call.dy + at + c, left);
      if (!is_value) {
        const Chunk x = load_chunk(call.x + at + c, left), scale = load_chunk(gamma + c, left);
#pragma unroll
        for (int i = 0; i < kChunk; ++i) {
          gradient.value[i] = (gradient.value[i] * scale.value[i] - x.value[i] * rstd * average) * rstd;
        }
      }
      store_chunk(call.dx + at + c, gradient, left);
    }
  }

  __syncthreads();  // all slots' sums are there
  for (int64_t c = threadIdx.x; c < size; c += blockDim.x) {
    float dquery = 0.0f, dkey = 0.0f;
    for (int slot = 0; slot < slots; ++slot) {
      dquery += sums[slot * 2 * columns + c];
      dkey += sums[(slot * 2 + 1) * columns + c];
    }
    call.dquery_gammas[blockIdx.x * size + c] = dquery;
    call.dkey_gammas[blockIdx.x * size + c] = dkey;
  }
}

}  // namespace

void CudaBackend::head_norm_forward(Tensor y, Tensor rstd, Tensor x, Tensor query_gamma, Tensor key_gamma,
                                    float epsilon, const AttentionShape& shape) {
  const char* const name = "head_norm_forward";
  check_float(name, "x", x);
  check_attention_shape(name, shape);
  const int64_t tokens = x.rows();
  const Heads heads = heads_of(shape);
  check_device_tensor(name, "x", x, x.dtype, {tokens, shape.packed_width()});
  check_device_tensor(name, "y", y, x.dtype, {tokens, shape.packed_width()});
  check_device_optional(name, "rstd", rstd, DType::f32, {tokens, heads.normed});
  check_device_tensor(name, "query_gamma", query_gamma, DType::f32, {shape.head_size});
  check_device_tensor(name, "key_gamma", key_gamma, DType::f32, {shape.head_size});
  with_device_type(x.dtype, [&]<class T>() {
    const HeadNormForward<T> call{device_data<T>(y),
                                  device_data<float>(rstd),
                                  device_data<T>(x),
                                  device_data<float>(query_gamma),
                                  device_data<float>(key_gamma),
                                  tokens,
                                  heads,
                                  epsilon};
    launch(head_norm_forward_kernel<T>, blocks_for(tokens * heads.all, kHeadWarps * kWarpHeads),
           kHeadWarps * kWarpSize, 0, stream_, call);
  });
}

void CudaBackend::head_norm_backward(Tensor dx, Tensor dquery_gamma, Tensor dkey_gamma, Tensor dy, Tensor x,
                                     Tensor rstd, Tensor query_gamma, Tensor key_gamma,
                                     const AttentionShape& shape) {
  const char* const name = "head_norm_backward";
  check_float(name, "dy", dy);
  check_attention_shape(name, shape);
  const int64_t tokens = dy.rows(), size = shape.head_size;
  const Heads heads = heads_of(shape);
  check_device_tensor(name, "dy", dy, dy.dtype, {tokens, shape.packed_width()});
  check_device_tensor(name, "dx", dx, dy.dtype, {tokens, shape.packed_width()});
  check_device_tensor(name, "x", x, dy.dtype, {tokens, shape.packed_width()});
  check_device_tensor(name, "rstd", rstd, DType::f32, {tokens, heads.normed});
  check_device_optional(name, "dquery_gamma", dquery_gamma, DType::f32, {size});
  check_device_optional(name, "dkey_gamma", dkey_gamma, DType::f32, {size});
  for (const Tensor& gamma : {query_gamma, key_gamma}) {
    check_device_tensor(name, "gamma", gamma, DType::f32, {size});
  }
  if (tokens == 0) return;

  const int64_t piece =
      std::max(tuning::kNormTokens, (tokens + tuning::kNormPieces - 1) / tuning::kNormPieces);
  const int64_t pieces = blocks_for(tokens, piece);
  float* const partial = scratch<float>(2 * pieces * size);
  const Tensor dquery_gammas(partial, DType::f32, {pieces, size}, Device::cuda);
  const Tensor dkey_gammas(partial + pieces * size, DType::f32, {pieces, size}, Device::cuda);
  const int64_t warp_bytes = kWarpHeads * 2 * padded(size) * dtype_bytes(DType::f32);
  const int warps = block_warps(kHeadWarps, warp_bytes);
  with_device_type(dy.dtype, [&]<class T>() {
    const HeadNormBackward<T> call{device_data<T>(dx),
                                   device_data<float>(dquery_gammas),
                                   device_data<float>(dkey_gammas),
                                   device_data<T>(dy),
                                   device_data<T>(x),
                                   device_data<float>(rstd),
                                   device_data<float>(query_gamma),
                                   device_data<float>(key_gamma),
                                   tokens,
                                   piece,
                                   heads};
    launch(head_norm_backward_kernel<T>, static_cast<unsigned>(pieces), warps * kWarpSize,
           static_cast<size_t>(warps * warp_bytes), stream_, call);
  });
  if (!dquery_gamma.absent()) add_few_rows(stream_, device_data<float>(dquery_gamma), dquery_gammas);
  if (!dkey_gamma.absent()) add_few_rows(stream_, device_data<float>(dkey_gamma), dkey_gammas);
}

}  // namespace limner
