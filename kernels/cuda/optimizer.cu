#include <algorithm>
#include <cmath>

#include "kernels/adamw.h"
#include "kernels/cuda/check_device.h"
#include "kernels/cuda/chunk.h"
#include "kernels/cuda/cuda_backend.h"
#include "kernels/cuda/gpu.h"
#include "kernels/cuda/tuning.h"

namespace limner {

namespace {

struct AdamWArrays {
  float* weights;
  bf16* shadow;  // may be null
  float *first, *second;
  const float* gradient;
  int64_t elements;
};

__global__ void __launch_bounds__(kFlatThreads) adamw_kernel(AdamWArrays arrays, AdamWFactors factors) {
  const int64_t at = flat_index(), left = arrays.elements - at;
  if (left <= 0) return;
  Chunk weights = load_chunk(arrays.weights + at, left);
  Chunk first = load_chunk(arrays.first + at, left), second = load_chunk(arrays.second + at, left);
  const Chunk gradient = load_chunk(arrays.gradient + at, left);
#pragma unroll
  for (int i = 0; i < kChunk; ++i) {
    const float g = gradient.value[i] * factors.gradient_scale;
    const float m = factors.beta1 * first.value[i] + factors.rest1 * g;
    const float v = factors.beta2 * second.value[i] + factors.rest2 * (g * g);
    const float scale = sqrtf(v) * factors.root_correction + factors.epsilon;
    weights.value[i] = weights.value[i] * factors.keep - factors.step_size * (m / scale);
    first.value[i] = m;
    second.value[i] = v;
  }
  store_chunk(arrays.weights + at, weights, left);
  if (arrays.shadow != nullptr) store_chunk(arrays.shadow + at, weights, left);
  store_chunk(arrays.first + at, first, left);
  store_chunk(arrays.second + at, second, left);
}

__global__ void __launch_bounds__(kFlatThreads)
    move_average_kernel(float* average, const float* x, int64_t elements, float share) {
  const int64_t at = flat_index(), left = elements - at;
  if (left <= 0) return;
  Chunk moved = load_chunk(average + at, left);
  const Chunk to = load_chunk(x + at, left);
#pragma unroll
  for (int i = 0; i < kChunk; ++i) moved.value[i] += share * (to.value[i] - moved.value[i]);
  store_chunk(average + at, moved, left);
}

// Block b sums elements [b * piece, (b + 1) * piece); piece is a multiple of the chunk.
__global__ void __launch_bounds__(kFlatThreads)
    squares_kernel(double* partial, const float* x, int64_t elements, int64_t piece) {
  const int64_t first = blockIdx.x * piece, last = min(elements, first + piece);
  double sum = 0.0;
  for (int64_t at = first + threadIdx.x * kChunk; at < last; at += int64_t{kFlatThreads} * kChunk) {
    const Chunk chunk = load_chunk(x + at, last - at);
#pragma unroll
    for (int i = 0; i < kChunk; ++i) {
      sum += static_cast<double>(chunk.value[i]) * static_cast<double>(chunk.value[i]);
    }
  }
  sum = block_sum(sum);
  if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}

__global__ void __launch_bounds__(kFlatThreads)
    sum_kernel(double* total, const double* partial, int64_t count) {
  double sum = 0.0;
  for (int64_t i = threadIdx.x; i < count; i += kFlatThreads) sum += partial[i];
  sum = block_sum(sum);
  if (threadIdx.x == 0) *total = sum;
}

}  // namespace

void CudaBackend::adamw(Tensor weights, Tensor shadow, Tensor first, Tensor second, Tensor gradient,
                        const AdamW& update) {
  const char* const name = "adamw";
  const int64_t elements = weights.elements();
  check_device_tensor(name, "weights", weights, DType::f32, {elements});
  check_device_optional(name, "shadow", shadow, DType::bf16, {elements});
  check_device_tensor(name, "first", first, DType::f32, {elements});
  check_device_tensor(name, "second", second, DType::f32, {elements});
  check_device_tensor(name, "gradient", gradient, DType::f32, {elements});
  const AdamWFactors factors = adamw_factors(update);
  const AdamWArrays arrays{device_data<float>(weights),  device_data<bf16>(shadow),
                           device_data<float>(first),    device_data<float>(second),
                           device_data<float>(gradient), elements};
  launch(adamw_kernel, flat_blocks(elements), kFlatThreads, 0, stream_, arrays, factors);
}

void CudaBackend::move_average(Tensor average, Tensor x, float share) {
  const char* const name = "move_average";
  const int64_t elements = average.elements();
  check_device_tensor(name, "average", average, DType::f32, {elements});
  check_device_tensor(name, "x", x, DType::f32, {elements});
  launch(move_average_kernel, flat_blocks(elements), kFlatThreads, 0, stream_, device_data<float>(average),
         device_data<float>(x), elements, share);
}

double CudaBackend::sum_of_squares(Tensor x) {
  const int64_t elements = x.elements();
  require(x.dtype == DType::f32 && x.device == Device::cuda,
          "sum_of_squares: x is {}, expected f32 on the GPU", x.description());
  if (elements == 0) return 0.0;
  const int64_t grain = int64_t{kFlatThreads} * kChunk;
  const int64_t piece = blocks_for(elements, tuning::kSquarePieces * grain) * grain;
  const int64_t pieces = blocks_for(elements, piece);
  double* const partial = scratch<double>(pieces + 1);
  launch(squares_kernel, static_cast<unsigned>(pieces), kFlatThreads, 0, stream_, partial + 1,
         device_data<float>(x), elements, piece);
  launch(sum_kernel, 1, kFlatThreads, 0, stream_, partial, partial + 1, pieces);
  double sum = 0.0;
  check_cuda(cudaMemcpyAsync(&sum, partial, sizeof(sum), cudaMemcpyDeviceToHost, stream_.now()));
  synchronize();
  return sum;
}

}  // namespace limner
