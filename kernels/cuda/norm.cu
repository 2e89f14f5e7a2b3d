#include <algorithm>

#include "kernels/cuda/check_device.h"
#include "kernels/cuda/chunk.h"
#include "kernels/cuda/column_sums.h"
#include "kernels/cuda/cuda_backend.h"
#include "kernels/cuda/gpu.h"
#include "kernels/cuda/tuning.h"

namespace limner {

namespace {

constexpr int kNormWarps = 8;

template <class T>
struct NormForward {
  T *y, *sum;  // sum, mean, rstd, residual and beta may be null
  float *mean, *rstd;
  const T *x, *residual;
  const float *gamma, *beta;
  int64_t tokens, width;
  NormKind kind;
  float epsilon;
  DeviceDropout dropout;
};

// One warp a token. The sum as T holds it stays in shared memory, where each lane reads only what it wrote:
// memory is read once and written once, and no barrier is needed.
template <class T>
__global__ void __launch_bounds__(kTokenThreads) norm_forward_kernel(NormForward<T> call) {
  SharedArena arena;
  const int64_t width = call.width;
  T* const sums = arena.take<T>(static_cast<size_t>(blockDim.x / kWarpSize * padded(width)));
  const int64_t token = int64_t{blockIdx.x} * (blockDim.x / kWarpSize) + warp_index();
  if (token >= call.tokens) return;
  T* const kept = sums + warp_index() * padded(width);
  const TokenPlace place = place_of(call.dropout, token);

  float total = 0.0f;
  for (int64_t c = lane_index() * kChunk; c < width; c += kWarpChunk) {
    const int64_t at = token * width + c, left = width - c;
    Chunk value = load_chunk(call.x + at, left);
    drop(value, call.dropout, place, c);
    if (call.residual != nullptr) add_to(value, load_chunk(call.residual + at, left));
    store_whole(kept + c, value);
    value = rounded<T>(value);
#pragma unroll
    for (int i = 0; i < kChunk; ++i) total += value.value[i];
  }
  const float mean = call.kind == NormKind::layer ? warp_sum(total) / static_cast<float>(width) : 0.0f;

  float squares = 0.0f;
  for (int64_t c = lane_index() * kChunk; c < width; c += kWarpChunk) {
    Chunk value;
    load_whole(value, kept + c);
#pragma unroll
    for (int i = 0; i < kChunk; ++i) {
      const float centred = c + i < width ? value.value[i] - mean : 0.0f;
      squares += centred * centred;
    }
  }
  const float rstd = 1.0f / sqrtf(warp_sum(squares) / static_cast<float>(width) + call.epsilon);

  for (int64_t c = lane_index() * kChunk; c < width; c += kWarpChunk) {
    const int64_t at = token * width + c, left = width - c;
    Chunk value;
    load_whole(value, kept + c);
    if (call.sum != nullptr) store_chunk(call.sum + at, value, left);
    const Chunk gamma = load_chunk(call.gamma + c, left);
    const Chunk beta = call.beta == nullptr ? Chunk{} : load_chunk(call.beta + c, left);
#pragma unroll
    for (int i = 0; i < kChunk; ++i) {
      value.value[i] = (value.value[i] - mean) * rstd * gamma.value[i] + beta.value[i];
    }
    store_chunk(call.y + at, value, left);
  }
  if (lane_index() > 0) return;
  if (call.mean != nullptr) call.mean[token] = mean;
  if (call.rstd != nullptr) call.rstd[token] = rstd;
}

template <class T>
struct NormBackward {
  T *dsum, *dx;  // dx may be null
  Write write;
  float *dgammas, *dbetas;  // [blocks, width]: each block's sums; dbetas may be null
  const T *dy, *sum;
  const float *mean, *rstd, *gamma;  // mean is not read for rms
  int64_t tokens, width, piece;
  NormKind kind;
  DeviceDropout dropout;
};

// One warp a token; a block takes `piece` tokens. Every lane adds up dgamma and dbeta of its columns in
// shared memory; at the end the warps' sums are added in order. What a warp reads twice is then in L1.
template <class T>
__global__ void __launch_bounds__(kNormWarps* kWarpSize) norm_backward_kernel(NormBackward<T> call) {
  SharedArena arena;
  const int64_t width = call.width, columns = padded(width);
  const int warps = static_cast<int>(blockDim.x) / kWarpSize;
  float* const dgammas = arena.take<float>(static_cast<size_t>(warps * columns));
  const bool shifts = call.dbetas != nullptr, centres = call.kind == NormKind::layer;
  float* const dbetas = shifts ? arena.take<float>(static_cast<size_t>(warps * columns)) : nullptr;
  float* const dgamma = dgammas + warp_index() * columns;
  float* const dbeta = shifts ? dbetas + warp_index() * columns : nullptr;
  for (int64_t c = lane_index() * kChunk; c < width; c += kWarpChunk) {
    store_whole(dgamma + c, Chunk{});
    if (shifts) store_whole(dbeta + c, Chunk{});
  }

  const int64_t first = blockIdx.x * call.piece, last = min(call.tokens, first + call.piece);
  for (int64_t token = first + warp_index(); token < last; token += warps) {
    const float mean = centres ? call.mean[token] : 0.0f, rstd = call.rstd[token];
    float total = 0.0f, total_normal = 0.0f;
    for (int64_t c = lane_index() * kChunk; c < width; c += kWarpChunk) {
      const int64_t at = token * width + c, left = width - c;
      const Chunk dy = load_chunk(call.dy + at, left), sum = load_chunk(call.sum + at, left);
      const Chunk gamma = load_chunk(call.gamma + c, left);
      Chunk dgamma_sum, dbeta_sum{};
      load_whole(dgamma_sum, dgamma + c);
      if (shifts) load_whole(dbeta_sum, dbeta + c);
#pragma unroll
      for (int i = 0; i < kChunk; ++i) {  // behind the last column dy and gamma are 0
        const float normal = (sum.value[i] - mean) * rstd, weighted = dy.value[i] * gamma.value[i];
        dgamma_sum.value[i] += dy.value[i] * normal;
        dbeta_sum.value[i] += dy.value[i];
        total += weighted;
        total_normal += weighted * normal;
      }
      store_whole(dgamma + c, dgamma_sum);
      if (shifts) store_whole(dbeta + c, dbeta_sum);
    }
    const float average = centres ? warp_sum(total) / static_cast<float>(width) : 0.0f;
    const float average_normal = warp_sum(total_normal) / static_cast<float>(width);
    const TokenPlace place = place_of(call.dropout, token);
    for (int64_t c = lane_index() * kChunk; c < width; c += kWarpChunk) {
      const int64_t at = token * width + c, left = width - c;
      Chunk gradient = load_chunk(call.dy + at, left);
      const Chunk sum = load_chunk(call.sum + at, left), gamma = load_chunk(call.gamma + c, left);
#pragma unroll
      for (int i = 0; i < kChunk; ++i) {
        const float normal = (sum.value[i] - mean) * rstd;
        gradient.value[i] = (gradient.value[i] * gamma.value[i] - average - normal * average_normal) * rstd;
      }
      if (call.write == Write::add) add_to(gradient, load_chunk(call.dsum + at, left));
      store_chunk(call.dsum + at, gradient, left);
      if (call.dx == nullptr) continue;
      drop(gradient, call.dropout, place, c);
      store_chunk(call.dx + at, gradient, left);
    }
  }

  __syncthreads();
  for (int64_t c = threadIdx.x; c < width; c += blockDim.x) {
    float dgamma_sum = 0.0f, dbeta_sum = 0.0f;
    for (int warp = 0; warp < warps; ++warp) {
      dgamma_sum += dgammas[warp * columns + c];
      if (shifts) dbeta_sum += dbetas[warp * columns + c];
    }
    call.dgammas[blockIdx.x * width + c] = dgamma_sum;
    if (shifts) call.dbetas[blockIdx.x * width + c] = dbeta_sum;
  }
}

}  // namespace

void CudaBackend::norm_forward(Tensor y, Tensor sum, Tensor mean, Tensor rstd, Tensor x, Tensor residual,
                               Tensor gamma, Tensor beta, NormKind kind, float epsilon,
                               const Dropout& dropout, const Packing& packing) {
  const char* const name = "norm_forward";
  check_float(name, "x", x);
  const int64_t tokens = x.rows(), width = x.columns();
  check_device_tensor(name, "x", x, x.dtype, {tokens, width});
  check_device_tensor(name, "y", y, x.dtype, {tokens, width});
  check_device_optional(name, "sum", sum, x.dtype, {tokens, width});
  check_device_optional(name, "mean", mean, DType::f32, {tokens});
  check_device_optional(name, "rstd", rstd, DType::f32, {tokens});
  check_device_optional(name, "residual", residual, x.dtype, {tokens, width});
  check_device_tensor(name, "gamma", gamma, DType::f32, {width});
  check_device_optional(name, "beta", beta, DType::f32, {width});
  require(kind == NormKind::layer || mean.absent(), "{}: rms has no mean", name);
  check_dropout(name, dropout);
  if (dropout.active()) check_packing(name, packing, tokens);

  const int64_t warp_bytes = padded(width) * dtype_bytes(x.dtype);
  const int warps = block_warps(kTokenWarps, warp_bytes);
  const DeviceDropout device = device_dropout(*this, dropout, packing);
  with_device_type(x.dtype, [&]<class T>() {
    const NormForward<T> call{device_data<T>(y),
                              device_data<T>(sum),
                              device_data<float>(mean),
                              device_data<float>(rstd),
                              device_data<T>(x),
                              device_data<T>(residual),
                              device_data<float>(gamma),
                              device_data<float>(beta),
                              tokens,
                              width,
                              kind,
                              epsilon,
                              device};
    launch(norm_forward_kernel<T>, blocks_for(tokens, warps), warps * kWarpSize,
           static_cast<size_t>(warps * warp_bytes), stream_, call);
  });
}

void CudaBackend::norm_backward(Tensor dsum, Write write, Tensor dx, Tensor dgamma, Tensor dbeta, Tensor dy,
                                Tensor sum, Tensor mean, Tensor rstd, Tensor gamma, NormKind kind,
                                const Dropout& dropout, const Packing& packing) {
  const char* const name = "norm_backward";
  check_float(name, "dy", dy);
  const int64_t tokens = dy.rows(), width = dy.columns();
  check_device_tensor(name, "dy", dy, dy.dtype, {tokens, width});
  check_device_tensor(name, "dsum", dsum, dy.dtype, {tokens, width});
  check_device_optional(name, "dx", dx, dy.dtype, {tokens, width});
  check_device_optional(name, "dgamma", dgamma, DType::f32, {width});
  check_device_optional(name, "dbeta", dbeta, DType::f32, {width});
  check_device_tensor(name, "sum", sum, dy.dtype, {tokens, width});
  if (kind == NormKind::layer) check_device_tensor(name, "mean", mean, DType::f32, {tokens});
  check_device_tensor(name, "rstd", rstd, DType::f32, {tokens});
  check_device_tensor(name, "gamma", gamma, DType::f32, {width});
  check_dropout(name, dropout);
  if (dropout.active()) check_packing(name, packing, tokens);
  if (tokens == 0) return;

  const int64_t piece =
      std::max(tuning::kNormTokens, (tokens + tuning::kNormPieces - 1) / tuning::kNormPieces);
  const int64_t pieces = blocks_for(tokens, piece);
  float* const partial = scratch<float>(2 * pieces * width);
  const Tensor dgammas(partial, DType::f32, {pieces, width}, Device::cuda);
  const Tensor dbetas =
      dbeta.absent() ? Tensor() : Tensor(partial + pieces * width, DType::f32, {pieces, width}, Device::cuda);
  const int64_t warp_bytes = (dbeta.absent() ? 1 : 2) * padded(width) * dtype_bytes(DType::f32);
  const int warps = block_warps(kNormWarps, warp_bytes);
  const DeviceDropout device = device_dropout(*this, dropout, packing);
  with_device_type(dy.dtype, [&]<class T>() {
    const NormBackward<T> call{device_data<T>(dsum),
                               device_data<T>(dx),
                               write,
                               device_data<float>(dgammas),
                               device_data<float>(dbetas),
                               device_data<T>(dy),
                               device_data<T>(sum),
                               device_data<float>(mean),
                               device_data<float>(rstd),
                               device_data<float>(gamma),
                               tokens,
                               width,
                               piece,
                               kind,
                               device};
    launch(norm_backward_kernel<T>, static_cast<unsigned>(pieces), warps * kWarpSize,
           static_cast<size_t>(warps * warp_bytes), stream_, call);
  });
  if (!dgamma.absent()) add_few_rows(stream_, device_data<float>(dgamma), dgammas);
  if (!dbeta.absent()) add_few_rows(stream_, device_data<float>(dbeta), dbetas);
}

}  // namespace limner
