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

// A bias as the kernels read it needs scratch of this many floats: the distances of the longest row and more.
int bias_reach(const Packing& packing) { return std::max(packing.max_length, 1) - 1 + kBiasMargin; }
int64_t spread_floats(const Tensor& bias, const Packing& packing) {
  return bias.absent() ? 0 : bias.dim(1) * bias_stride(bias_reach(packing));
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
          1.0f / std::sqrt(static_cast<float>(shape.head_size)),
          0,
          nullptr};
}

void give_bias(AttentionBatch& batch, float* spread, const Tensor& bias, const Packing& packing,
               GpuStream& stream) {
  if (bias.absent()) return;
  batch.bias = spread;
  batch.bias_reach = bias_reach(packing);
  launch_spread_bias(spread, batch.bias_reach, batch.score_scale, bias, stream);
}

}  // namespace

void CudaBackend::attention_forward(Tensor y, Tensor lse, Tensor qkv, Tensor bias, const Packing& packing,
                                    const AttentionShape& shape) {
  const char* const name = "attention_forward";
  check_call(name, y, qkv, packing, shape);
  check_attention_bias(name, "bias", bias, shape, packing.max_length, Device::cuda);
  check_device_optional(name, "lse", lse, DType::f32, {shape.heads, qkv.rows()});
  AttentionBatch batch = batch_of(send(packing), shape);
  give_bias(batch, scratch<float>(spread_floats(bias, packing)), bias, packing, stream_);
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

void CudaBackend::attention_backward(Tensor dqkv, Tensor dbias, Tensor dy, Tensor y, Tensor lse, Tensor qkv,
                                     Tensor bias, const Packing& packing, const AttentionShape& shape) {
  const char* const name = "attention_backward";
  check_call(name, y, qkv, packing, shape);
  check_attention_bias(name, "bias", bias, shape, packing.max_length, Device::cuda);
  if (!dbias.absent()) check_device_tensor(name, "dbias", dbias, DType::f32, {bias.dim(0), shape.heads});
  const int64_t tokens = qkv.rows();
  check_device_tensor(name, "dqkv", dqkv, qkv.dtype, {tokens, shape.packed_width()});
  check_device_tensor(name, "dy", dy, qkv.dtype, {tokens, shape.width()});
  check_device_tensor(name, "lse", lse, DType::f32, {shape.heads, tokens});
  check_aligned(name, "dqkv", dqkv);
  check_aligned(name, "dy", dy);
  AttentionBatch batch = batch_of(send(packing), shape);
  const int64_t statistics = shape.heads * tokens, sums = dbias.absent() ? 0 : 2 * statistics;
  float* const delta = scratch<float>(statistics + sums + spread_floats(bias, packing));
  float* const row_dbias = dbias.absent() ? nullptr : delta + statistics;
  give_bias(batch, delta + statistics + sums, bias, packing, stream_);
  with_device_type(qkv.dtype, [&]<class T>() {
    const AttentionBackward<T> call{batch,
                                    device_data<T>(dqkv),
                                    delta,
                                    device_data<T>(dy),
                                    device_data<T>(y),
                                    device_data<float>(lse),
                                    device_data<T>(qkv)};
    constexpr bool kHasShort = std::is_same_v<T, bf16>;
    if constexpr (kHasShort) launch_attention_backward_short(call, shape.head_size, stream_);
    if (!kHasShort || packing.max_length > tuning::kShortBackwardRow) {
      launch_attention_backward(call, shape.head_size, stream_);
    }
    if (dbias.absent()) return;
    launch_attention_bias_gradient(row_dbias, call, shape.head_size, stream_);
    launch_sum_row_biases(dbias, row_dbias, batch, packing.max_length, stream_);
  });
}

}  // namespace limner
