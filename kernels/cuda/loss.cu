// Losses, each with its gradient in the same pass, and probabilities.
#include <algorithm>

#include "kernels/cuda/check_device.h"
#include "kernels/cuda/chunk.h"
#include "kernels/cuda/cuda_backend.h"
#include "kernels/cuda/gpu.h"

namespace limner {

namespace {

// A block takes one row: one warp for up to 256 classes, up to eight for a vocabulary.
constexpr int kRowThreadsMost = 256;
int row_threads(int64_t classes) {
  const int64_t threads = int64_t{blocks_for(classes, kWarpChunk)} * kWarpSize;
  return static_cast<int>(std::clamp<int64_t>(threads, kWarpSize, kRowThreadsMost));
}

// Calls visit(index of the first element, elements left) for this thread's chunks of a row.
template <class Visit>
__device__ __forceinline__ void for_row_chunks(int64_t classes, Visit visit) {
  const int64_t stride = int64_t{blockDim.x} * kChunk;
  for (int64_t c = int64_t{threadIdx.x} * kChunk; c < classes; c += stride) visit(c, classes - c);
}

struct RowTotal {
  float most;  // the largest logit
  float sum;   // of exp(logit - most)
};

// NaN in a row makes `sum` NaN. All threads of the block call and receive the result.
template <class T>
__device__ RowTotal exponential_total(const T* logits, int64_t classes) {
  float most = -INFINITY;
  for_row_chunks(classes, [&](int64_t c, int64_t left) {
    const Chunk chunk = load_chunk(logits + c, left);
#pragma unroll
    for (int i = 0; i < kChunk; ++i) most = i < left ? fmaxf(most, chunk.value[i]) : most;
  });
  most = block_max(most);
  float sum = 0.0f;
  for_row_chunks(classes, [&](int64_t c, int64_t left) {
    const Chunk chunk = load_chunk(logits + c, left);
#pragma unroll
    for (int i = 0; i < kChunk; ++i) sum += i < left ? expf(chunk.value[i] - most) : 0.0f;
  });
  return {most, block_sum(sum)};
}

__device__ __forceinline__ float logistic(float x) { return 1.0f / (1.0f + expf(-x)); }

template <class T>
__device__ void clear_row(T* row, int64_t classes) {
  for_row_chunks(classes, [&](int64_t c, int64_t left) { store_chunk(row + c, Chunk{}, left); });
}

template <class T>
struct CrossEntropy {
  float* loss;
  T* dlogits;  // may be null
  const T* logits;
  const int32_t* labels;
  const float* class_weight;  // may be null
  int64_t classes;
  LabelUse use;
  float scale;
};

struct SmoothingSums {
  float weights;  // the sum of class weights
  float missed;   // the sum of class weight * (most - logit)
};

// All threads of the block call and receive the result.
template <class T>
__device__ SmoothingSums smoothing_sums(const T* logits, const float* class_weight, int64_t classes,
                                        float most) {
  float weights = 0.0f, missed = 0.0f;
  for_row_chunks(classes, [&](int64_t c, int64_t left) {
    const Chunk chunk = load_chunk(logits + c, left);
    Chunk weight{};
    if (class_weight != nullptr) weight = load_chunk(class_weight + c, left);
#pragma unroll
    for (int i = 0; i < kChunk; ++i) {
      if (i >= left) continue;
      const float w = class_weight == nullptr ? 1.0f : weight.value[i];
      weights += w;
      missed += w * (most - chunk.value[i]);
    }
  });
  weights = block_sum(weights);
  return {weights, block_sum(missed)};
}

// With F = (1 - p[y])^g and L the loss without it, the gradient of F is -g F p[y] at the label and
// g F p[y] p[c] / (1 - p[y]) elsewhere.
template <class T>
__global__ void __launch_bounds__(kRowThreadsMost) cross_entropy_kernel(CrossEntropy<T> call) {
  const int64_t row = blockIdx.x, first = row * call.classes;
  const int32_t label = call.labels[row];
  const float weight = label < 0 ? 0.0f : call.class_weight == nullptr ? 1.0f : call.class_weight[label];
  if (weight == 0.0f) {
    if (threadIdx.x == 0) call.loss[row] = 0.0f;
    if (call.dlogits != nullptr) clear_row(call.dlogits + first, call.classes);
    return;
  }
  const T* const logits = call.logits + first;
  const float smoothing = call.use.label_smoothing, gamma = call.use.focal_gamma;
  const RowTotal total = exponential_total(logits, call.classes);
  const float log_sum = logf(total.sum), below = total.most - to_float(logits[label]);
  const float exponential = expf(-below);
  const float likely = exponential / total.sum, rest = (total.sum - exponential) / total.sum;
  const float share = smoothing / static_cast<float>(call.classes), certain = (1.0f - smoothing) * weight;
  float loss = certain * (log_sum + below), pull = certain;
  if (smoothing > 0.0f) {
    const SmoothingSums all = smoothing_sums(logits, call.class_weight, call.classes, total.most);
    loss += share * (all.weights * log_sum + all.missed);
    pull += share * all.weights;
  }
  const float focus = gamma > 0.0f ? powf(fmaxf(rest, 0.0f), gamma) : 1.0f;
  if (threadIdx.x == 0) call.loss[row] = focus * loss;
  if (call.dlogits == nullptr) return;
  const float odds = rest > 0.0f ? likely / rest : 0.0f, factor = call.scale * focus;
  const float slope = factor * (pull + gamma * loss * odds);
  const float own = factor * (pull * likely - certain - gamma * loss * likely);
  for_row_chunks(call.classes, [&](int64_t c, int64_t left) {
    Chunk chunk = load_chunk(logits + c, left);
    Chunk weights{};
    if (call.class_weight != nullptr && smoothing > 0.0f) weights = load_chunk(call.class_weight + c, left);
#pragma unroll
    for (int i = 0; i < kChunk; ++i) {
      const float w = call.class_weight == nullptr ? 1.0f : weights.value[i];
      const float probability = expf(chunk.value[i] - total.most) / total.sum;
      chunk.value[i] = (c + i == label ? own : slope * probability) - factor * share * w;
    }
    store_chunk(call.dlogits + first + c, chunk, left);
  });
}

template <class T>
struct BinaryCrossEntropy {
  float* loss;
  T* dlogits;  // may be null
  const T* logits;
  const float* targets;
  const float* class_weight;  // may be null
  int64_t classes;
  LabelUse use;
  float scale;
};

template <class T>
__global__ void __launch_bounds__(kRowThreadsMost) binary_cross_entropy_kernel(BinaryCrossEntropy<T> call) {
  const int64_t row = blockIdx.x, first = row * call.classes;
  int missing = 0;
  for_row_chunks(call.classes, [&](int64_t c, int64_t left) {
    const Chunk target = load_chunk(call.targets + first + c, left);
#pragma unroll
    for (int i = 0; i < kChunk; ++i) missing |= isnan(target.value[i]) ? 1 : 0;
  });
  if (__syncthreads_or(missing) != 0) {
    if (threadIdx.x == 0) call.loss[row] = 0.0f;
    if (call.dlogits != nullptr) clear_row(call.dlogits + first, call.classes);
    return;
  }
  const float share = 1.0f / static_cast<float>(call.classes);
  float sum = 0.0f;
  for_row_chunks(call.classes, [&](int64_t c, int64_t left) {
    Chunk logit = load_chunk(call.logits + first + c, left);
    const Chunk target = load_chunk(call.targets + first + c, left);
    Chunk weight{};
    if (call.class_weight != nullptr) weight = load_chunk(call.class_weight + c, left);
#pragma unroll
    for (int i = 0; i < kChunk; ++i) {
      if (i >= left) continue;
      const float x = logit.value[i], t = target.value[i];
      const float w = call.class_weight == nullptr ? share : share * weight.value[i];
      const float smoothing = call.use.label_smoothing, gamma = call.use.focal_gamma;
      const float smoothed = (1.0f - smoothing) * t + 0.5f * smoothing, sign = t > 0.5f ? 1.0f : -1.0f;
      // log(1 + e^x) - t x, without overflow and, for t of 0 or 1, without cancellation.
      const float plain = (fmaxf(x, 0.0f) - smoothed * x) + log1pf(expf(-fabsf(x)));
      const float focus = gamma > 0.0f ? powf(logistic(-sign * x), gamma) : 1.0f;
      sum += w * focus * plain;
      const float rise = logistic(x) - smoothed - sign * gamma * logistic(sign * x) * plain;
      logit.value[i] = w * call.scale * focus * rise;
    }
    if (call.dlogits != nullptr) store_chunk(call.dlogits + first + c, logit, left);
  });
  sum = block_sum(sum);
  if (threadIdx.x == 0) call.loss[row] = sum;
}

// One thread a row.
template <class T>
__global__ void __launch_bounds__(kFlatThreads)
    squared_error_kernel(float* loss, T* dlogits, const T* logits, const float* targets, int64_t rows,
                         float scale) {
  const int64_t row = int64_t{blockIdx.x} * kFlatThreads + threadIdx.x;
  if (row >= rows) return;
  const float error = isnan(targets[row]) ? 0.0f : to_float(logits[row]) - targets[row];
  loss[row] = error * error;
  if (dlogits != nullptr) dlogits[row] = from_float<T>(2.0f * error * scale);
}

template <class T>
__global__ void __launch_bounds__(kRowThreadsMost)
    softmax_kernel(float* probabilities, const T* logits, int64_t classes) {
  const int64_t first = blockIdx.x * classes;
  const RowTotal total = exponential_total(logits + first, classes);
  for_row_chunks(classes, [&](int64_t c, int64_t left) {
    Chunk chunk = load_chunk(logits + first + c, left);
#pragma unroll
    for (int i = 0; i < kChunk; ++i) chunk.value[i] = expf(chunk.value[i] - total.most) / total.sum;
    store_chunk(probabilities + first + c, chunk, left);
  });
}

template <class T>
__global__ void __launch_bounds__(kFlatThreads)
    sigmoid_kernel(float* probabilities, const T* logits, int64_t elements) {
  const int64_t at = flat_index(), left = elements - at;
  if (left <= 0) return;
  Chunk chunk = load_chunk(logits + at, left);
#pragma unroll
  for (int i = 0; i < kChunk; ++i) chunk.value[i] = logistic(chunk.value[i]);
  store_chunk(probabilities + at, chunk, left);
}

struct LogitsShape {
  int64_t rows, classes;
};

LogitsShape check_logits(const char* name, const Tensor& logits) {
  check_float(name, "logits", logits);
  const LogitsShape shape{logits.rows(), logits.columns()};
  check_device_tensor(name, "logits", logits, logits.dtype, {shape.rows, shape.classes});
  return shape;
}

LogitsShape check_losses(const char* name, const Tensor& loss, const Tensor& dlogits, const Tensor& logits) {
  const LogitsShape shape = check_logits(name, logits);
  check_device_tensor(name, "loss", loss, DType::f32, {shape.rows});
  check_device_optional(name, "dlogits", dlogits, logits.dtype, {shape.rows, shape.classes});
  return shape;
}

}  // namespace

void CudaBackend::cross_entropy(Tensor loss, Tensor dlogits, Tensor logits, std::span<const int32_t> labels,
                                Tensor class_weight, const LabelUse& use, float scale) {
  const char* const name = "cross_entropy";
  const LogitsShape shape = check_losses(name, loss, dlogits, logits);
  check_label_use(name, use);
  check_device_optional(name, "class_weight", class_weight, DType::f32, {shape.classes});
  check_labels(name, labels, shape.rows, shape.classes);
  const int32_t* const device_labels = send(labels);
  with_device_type(logits.dtype, [&]<class T>() {
    const CrossEntropy<T> call{device_data<float>(loss),
                               device_data<T>(dlogits),
                               device_data<T>(logits),
                               device_labels,
                               device_data<float>(class_weight),
                               shape.classes,
                               use,
                               scale};
    launch(cross_entropy_kernel<T>, static_cast<unsigned>(shape.rows), row_threads(shape.classes), 0, stream_,
           call);
  });
}

void CudaBackend::binary_cross_entropy(Tensor loss, Tensor dlogits, Tensor logits, Tensor targets,
                                       Tensor class_weight, const LabelUse& use, float scale) {
  const char* const name = "binary_cross_entropy";
  const LogitsShape shape = check_losses(name, loss, dlogits, logits);
  check_label_use(name, use);
  check_device_tensor(name, "targets", targets, DType::f32, {shape.rows, shape.classes});
  check_device_optional(name, "class_weight", class_weight, DType::f32, {shape.classes});
  with_device_type(logits.dtype, [&]<class T>() {
    const BinaryCrossEntropy<T> call{device_data<float>(loss),
                                     device_data<T>(dlogits),
                                     device_data<T>(logits),
                                     device_data<float>(targets),
                                     device_data<float>(class_weight),
                                     shape.classes,
                                     use,
                                     scale};
    launch(binary_cross_entropy_kernel<T>, static_cast<unsigned>(shape.rows), row_threads(shape.classes), 0,
           stream_, call);
  });
}

void CudaBackend::squared_error(Tensor loss, Tensor dlogits, Tensor logits, Tensor targets, float scale) {
  const char* const name = "squared_error";
  const LogitsShape shape = check_losses(name, loss, dlogits, logits);
  require(shape.classes == 1, "{}: logits have {} columns, expected 1", name, shape.classes);
  check_device_tensor(name, "targets", targets, DType::f32, {shape.rows});
  with_device_type(logits.dtype, [&]<class T>() {
    launch(squared_error_kernel<T>, blocks_for(shape.rows, kFlatThreads), kFlatThreads, 0, stream_,
           device_data<float>(loss), device_data<T>(dlogits), device_data<T>(logits),
           device_data<float>(targets), shape.rows, scale);
  });
}

void CudaBackend::softmax(Tensor probabilities, Tensor logits) {
  const char* const name = "softmax";
  const LogitsShape shape = check_logits(name, logits);
  check_device_tensor(name, "probabilities", probabilities, DType::f32, {shape.rows, shape.classes});
  with_device_type(logits.dtype, [&]<class T>() {
    launch(softmax_kernel<T>, static_cast<unsigned>(shape.rows), row_threads(shape.classes), 0, stream_,
           device_data<float>(probabilities), device_data<T>(logits), shape.classes);
  });
}

void CudaBackend::sigmoid(Tensor probabilities, Tensor logits) {
  const char* const name = "sigmoid";
  const LogitsShape shape = check_logits(name, logits);
  check_device_tensor(name, "probabilities", probabilities, DType::f32, {shape.rows, shape.classes});
  const int64_t elements = logits.elements();
  with_device_type(logits.dtype, [&]<class T>() {
    launch(sigmoid_kernel<T>, flat_blocks(elements), kFlatThreads, 0, stream_,
           device_data<float>(probabilities), device_data<T>(logits), elements);
  });
}

}  // namespace limner
