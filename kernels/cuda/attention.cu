// The backend's two attention operations: checks, and which kernels a batch gets.
#include "kernels/cuda/attention.h"

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "kernels/cuda/check_device.h"
#include "kernels/cuda/cuda_backend.h"
#include "kernels/cuda/tuning.h"
#include "kernels/dropout.h"

namespace limner {
namespace {

// Kernels read and write 16 bytes at a time; a head's rows are multiples of that, so a tensor's start
// decides.
void check_aligned(const char* operation, const char* argument, const Tensor& tensor) {
  require(reinterpret_cast<uintptr_t>(tensor.data) % 16 == 0,
          "{}: {} starts at {}, which is not a multiple of 16 bytes", operation, argument, tensor.data);
}

void check_call(const char* operation, const Tensor& y, const Tensor& qkv, const Packing& packing,
                const AttentionShape& shape) {
  check_float(operation, "qkv", qkv);
  check_attention_shape(operation, shape);
  const int64_t tokens = qkv.rows();
  check_device_tensor(operation, "qkv", qkv, qkv.dtype, {tokens, shape.packed_width()});
  check_device_tensor(operation, "y", y, qkv.dtype, {tokens, shape.width()});
  check_aligned(operation, "qkv", qkv);
  check_aligned(operation, "y", y);
  check_packing(operation, packing, tokens);
  check_dropout(operation, shape.dropout);
  check_attention_dropout(operation, shape, packing.max_length);
}

AttentionBatch batch_of(const DevicePacking& packing, const AttentionShape& shape) {
  constexpr int64_t kUnlimited = int64_t{1} << 30;  // beyond any row; twice this is still an int
  const int window = static_cast<int>(shape.window > 0 ? std::min(shape.window, kUnlimited) : kUnlimited);
  return {packing.cu_lengths,
          packing.row_keys,
          static_cast<int>(packing.rows),
          static_cast<int>(packing.tokens),
          static_cast<int>(shape.heads),
          static_cast<int>(shape.key_head_count()),
          static_cast<int>(shape.group()),
          window,
          shape.masking == Masking::causal ? 1 : window,
          shape.dropout.active(),
          dropout_threshold(shape.dropout.probability),
          dropout_scale(shape.dropout.probability),
          shape.dropout.key,
          1.0f / std::sqrt(static_cast<float>(shape.head_size))};
}

}  // namespace

void CudaBackend::attention_forward(Tensor y, Tensor lse, Tensor qkv, const Packing& packing,
                                    const AttentionShape& shape) {
  const char* const name = "attention_forward";
  check_call(name, y, qkv, packing, shape);
  check_device_optional(name, "lse", lse, DType::f32, {shape.heads, qkv.rows()});
  const AttentionBatch batch = batch_of(send(packing), shape);
  if (qkv.dtype == DType::f32) {
    launch_attention_forward(AttentionForward<float>{batch, device_data<float>(y), device_data<float>(lse),
                                                     device_data<float>(qkv)},
                             shape.head_size, stream_);
    return;
  }
  const AttentionForward<bf16> call{batch, device_data<bf16>(y), device_data<float>(lse),
                                    device_data<bf16>(qkv)};
  launch_attention_forward_short(call, shape.head_size, packing.max_length, stream_);
  if (packing.max_length > tuning::kShortRow) launch_attention_forward(call, shape.head_size, stream_);
}

void CudaBackend::attention_backward(Tensor dqkv, Tensor dy, Tensor y, Tensor lse, Tensor qkv,
                                     const Packing& packing, const AttentionShape& shape) {
  const char* const name = "attention_backward";
  check_call(name, y, qkv, packing, shape);
  const int64_t tokens = qkv.rows();
  check_device_tensor(name, "dqkv", dqkv, qkv.dtype, {tokens, shape.packed_width()});
  check_device_tensor(name, "dy", dy, qkv.dtype, {tokens, shape.width()});
  check_device_tensor(name, "lse", lse, DType::f32, {shape.heads, tokens});
  check_aligned(name, "dqkv", dqkv);
  check_aligned(name, "dy", dy);
  const AttentionBatch batch = batch_of(send(packing), shape);
  float* const delta = scratch<float>(shape.heads * tokens);
  with_device_type(qkv.dtype, [&]<class T>() {
    const AttentionBackward<T> call{batch,
                                    device_data<T>(dqkv),
                                    delta,
                                    device_data<T>(dy),
                                    device_data<T>(y),
                                    device_data<float>(lse),
                                    device_data<T>(qkv)};
    if constexpr (std::is_same_v<T, bf16>) {
      launch_attention_backward_short(call, shape.head_size, stream_);
      if (packing.max_length <= tuning::kShortBackwardRow) return;
    }
    launch_attention_backward(call, shape.head_size, stream_);
  });
}

}  // namespace limner
