#include "kernels/cuda/activation.h"

#include "kernels/cuda/check_device.h"
#include "kernels/cuda/chunk.h"
#include "kernels/cuda/cuda_backend.h"
#include "kernels/cuda/gpu.h"

namespace limner {

namespace {

constexpr float kRootHalf = 0.7071067811865476f;
constexpr float kNormalPeak = 0.3989422804014327f;  // 1 / sqrt(2 pi)
// The tanh form: gelu(x) = x (1 + tanh u) / 2 = x s(2u), u = a (x + b x^3), s the logistic function.
constexpr float kGeluTanhA = 0.7978845608028654f;  // sqrt(2 / pi)
constexpr float kGeluTanhB = 0.044715f;

// By erfc, so that nothing cancels for negative x.
__device__ __forceinline__ float normal_cdf(float x) { return 0.5f * erfcf(-kRootHalf * x); }

__device__ __forceinline__ float gelu_tanh_inner(float x) {
  return 2.0f * kGeluTanhA * x * (1.0f + kGeluTanhB * x * x);
}

__device__ __forceinline__ float value_of(float x, Activation activation) {
  switch (activation) {
    case Activation::none:
      return x;
    case Activation::gelu:
      return x * normal_cdf(x);
    case Activation::gelu_tanh:
      return x / (1.0f + expf(-gelu_tanh_inner(x)));
    case Activation::tanh:
      return tanhf(x);
    case Activation::relu:
      return x < 0.0f ? 0.0f : x;  // NaN stays NaN
    case Activation::silu:
      return x / (1.0f + expf(-x));
  }
  return x;
}

__device__ __forceinline__ float slope_of(float x, Activation activation) {
  switch (activation) {
    case Activation::none:
      return 1.0f;
    case Activation::gelu:
      return normal_cdf(x) + x * kNormalPeak * expf(-0.5f * x * x);
    case Activation::gelu_tanh: {
      const float inner = gelu_tanh_inner(x);
      const float above = 1.0f / (1.0f + expf(-inner)), below = 1.0f / (1.0f + expf(inner));
      return above + x * above * below * 2.0f * kGeluTanhA * (1.0f + 3.0f * kGeluTanhB * x * x);
    }
    case Activation::tanh: {
      const float t = tanhf(x);
      return 1.0f - t * t;
    }
    case Activation::relu:
      return x > 0.0f ? 1.0f : 0.0f;
    case Activation::silu: {
      const float above = 1.0f / (1.0f + expf(-x)), below = 1.0f / (1.0f + expf(x));
      return above + x * above * below;
    }
  }
  return 1.0f;
}

template <class T>
__global__ void __launch_bounds__(kFlatThreads)
    activation_forward_kernel(T* y, const T* pre, int64_t elements, Activation activation) {
  const int64_t at = flat_index(), left = elements - at;
  if (left <= 0) return;
  Chunk chunk = load_chunk(pre + at, left);
#pragma unroll
  for (int i = 0; i < kChunk; ++i) chunk.value[i] = value_of(chunk.value[i], activation);
  store_chunk(y + at, chunk, left);
}

template <class T>
__global__ void __launch_bounds__(kFlatThreads)
    activation_backward_kernel(T* dx, const T* dy, const T* pre, int64_t elements, Activation activation) {
  const int64_t at = flat_index(), left = elements - at;
  if (left <= 0) return;
  Chunk gradient = load_chunk(dy + at, left);
  const Chunk before = load_chunk(pre + at, left);
#pragma unroll
  for (int i = 0; i < kChunk; ++i) gradient.value[i] *= slope_of(before.value[i], activation);
  store_chunk(dx + at, gradient, left);
}

// x [tokens, 2 * width] holds what is activated, then what it is multiplied by; one warp a token.
template <class T>
__global__ void __launch_bounds__(kTokenThreads)
    gate_forward_kernel(T* y, const T* x, int64_t tokens, int64_t width, Activation activation) {
  const int64_t token = token_index();
  if (token >= tokens) return;
  const T *const gate = x + token * 2 * width, *const factor = gate + width;
  for (int64_t c = lane_index() * kChunk; c < width; c += kWarpChunk) {
    const int64_t left = width - c;
    const Chunk before = load_chunk(gate + c, left);
    Chunk value = load_chunk(factor + c, left);
#pragma unroll
    for (int i = 0; i < kChunk; ++i) value.value[i] *= value_of(before.value[i], activation);
    store_chunk(y + token * width + c, value, left);
  }
}

template <class T>
__global__ void __launch_bounds__(kTokenThreads)
    gate_backward_kernel(T* dx, const T* dy, const T* x, int64_t tokens, int64_t width,
                         Activation activation) {
  const int64_t token = token_index();
  if (token >= tokens) return;
  const int64_t first = token * 2 * width, second = first + width;
  for (int64_t c = lane_index() * kChunk; c < width; c += kWarpChunk) {
    const int64_t left = width - c;
    const Chunk gradient = load_chunk(dy + token * width + c, left);
    const Chunk before = load_chunk(x + first + c, left), factor = load_chunk(x + second + c, left);
    Chunk dgate, dfactor;
#pragma unroll
    for (int i = 0; i < kChunk; ++i) {
      dgate.value[i] = gradient.value[i] * factor.value[i] * slope_of(before.value[i], activation);
      dfactor.value[i] = gradient.value[i] * value_of(before.value[i], activation);
    }
    store_chunk(dx + first + c, dgate, left);
    store_chunk(dx + second + c, dfactor, left);
  }
}

}  // namespace

void activation_forward(GpuStream& stream, Tensor y, Tensor pre, Activation activation) {
  const int64_t elements = y.elements();
  with_device_type(y.dtype, [&]<class T>() {
    launch(activation_forward_kernel<T>, flat_blocks(elements), kFlatThreads, 0, stream, device_data<T>(y),
           device_data<T>(pre), elements, activation);
  });
}

void CudaBackend::activation_forward(Tensor y, Tensor pre, Activation activation) {
  const char* const name = "activation_forward";
  check_float(name, "y", y);
  check_device_tensor(name, "y", y, y.dtype, {y.rows(), y.columns()});
  check_device_tensor(name, "pre", pre, y.dtype, {y.rows(), y.columns()});
  limner::activation_forward(stream_, y, pre, activation);
}

void CudaBackend::activation_backward(Tensor dx, Tensor dy, Tensor pre, Activation activation) {
  const char* const name = "activation_backward";
  check_float(name, "dy", dy);
  const int64_t elements = dy.elements();
  check_device_tensor(name, "dy", dy, dy.dtype, {dy.rows(), dy.columns()});
  check_device_tensor(name, "dx", dx, dy.dtype, {dy.rows(), dy.columns()});
  check_device_tensor(name, "pre", pre, dy.dtype, {dy.rows(), dy.columns()});
  with_device_type(dy.dtype, [&]<class T>() {
    launch(activation_backward_kernel<T>, flat_blocks(elements), kFlatThreads, 0, stream_, device_data<T>(dx),
           device_data<T>(dy), device_data<T>(pre), elements, activation);
  });
}

void CudaBackend::gate_forward(Tensor y, Tensor x, Activation activation) {
  const char* const name = "gate_forward";
  check_float(name, "x", x);
  const int64_t tokens = x.rows(), width = y.columns();
  check_device_tensor(name, "x", x, x.dtype, {tokens, 2 * width});
  check_device_tensor(name, "y", y, x.dtype, {tokens, width});
  with_device_type(x.dtype, [&]<class T>() {
    launch(gate_forward_kernel<T>, token_blocks(tokens), kTokenThreads, 0, stream_, device_data<T>(y),
           device_data<T>(x), tokens, width, activation);
  });
}

void CudaBackend::gate_backward(Tensor dx, Tensor dy, Tensor x, Activation activation) {
  const char* const name = "gate_backward";
  check_float(name, "dy", dy);
  const int64_t tokens = dy.rows(), width = dy.columns();
  check_device_tensor(name, "dy", dy, dy.dtype, {tokens, width});
  check_device_tensor(name, "x", x, dy.dtype, {tokens, 2 * width});
  check_device_tensor(name, "dx", dx, dy.dtype, {tokens, 2 * width});
  with_device_type(dy.dtype, [&]<class T>() {
    launch(gate_backward_kernel<T>, token_blocks(tokens), kTokenThreads, 0, stream_, device_data<T>(dx),
           device_data<T>(dy), device_data<T>(x), tokens, width, activation);
  });
}

}  // namespace limner
