// What the attention kernels are told, and their launchers. All pointers are device memory.
#pragma once

#include <cstdint>

#include "kernels/cuda/gpu.h"
#include "runtime/tensor.h"

namespace limner {

// One call of attention over packed rows; layouts as in kernels/backend.h.
struct AttentionBatch {
  const int32_t* cu_lengths;  // [rows + 1]
  const int64_t* row_keys;    // [rows]
  int rows, tokens, heads, key_heads;
  int group;          // query heads that share a key head
  int behind, ahead;  // a query sees the keys that are less than this far before and after it
  bool drops;         // dropout is on
  uint32_t dropout_threshold;
  float dropout_scale;  // of what is kept; 1 when dropout is off
  uint64_t dropout_key;
  float score_scale;  // 1 / sqrt(head_size)
  // What is added to scores before they are scaled: head h's number for key - query = d stands at
  // bias[h * bias_stride(bias_reach) + bias_reach + d], |d| <= bias_reach; or null.
  int bias_reach;
  const float* bias;
};

// A tile's tokens beyond its row meet in scores too, which are then hidden: a head's numbers go as far.
constexpr int kBiasMargin = 64;
LIMNER_HOST_DEVICE constexpr int bias_stride(int reach) { return 2 * reach + 1; }

template <class T>
struct AttentionForward {
  AttentionBatch batch;
  T* y;        // [tokens, heads * head_size]; qkv as in kernels/backend.h
  float* lse;  // [heads, tokens], or null
  const T* qkv;
};

// No larger than 128 bytes: with 136 the kernels for heads of 128 spilled 84 bytes in place of 48 (nvcc 13,
// sm_80).
template <class T>
struct AttentionBackward {
  AttentionBatch batch;
  T* dqkv;
  float* delta;  // scratch [heads, tokens]: each query's dy . y
  const T *dy, *y;
  const float* lse;
  const T* qkv;
};
static_assert(sizeof(AttentionBackward<float>) <= 128);

// Calls f.template operator()<head_size>() for a head size that kernels are compiled for.
template <class Function>
void with_head_size(int64_t head_size, const Function& function) {
  switch (head_size) {
    case 32:
      return function.template operator()<32>();
    case 64:
      return function.template operator()<64>();
    case 80:
      return function.template operator()<80>();
    case 96:
      return function.template operator()<96>();
    case 128:
      return function.template operator()<128>();
    default:
      fail(ExitCode::internal,
           "attention: head size {}; on a GPU there are kernels for 32, 64, 80, 96 and 128", head_size);
  }
}

// In bf16 a row's length alone decides which kernel serves it, so that its result is the same bytes in any
// batch: the first one passes over rows of at most tuning::kShortRow (backward: kShortBackwardRow) tokens,
// the second one over all others.
void launch_attention_forward(const AttentionForward<bf16>& call, int64_t head_size, GpuStream& stream);
void launch_attention_forward_short(const AttentionForward<bf16>& call, int64_t head_size, int64_t max_length,
                                    GpuStream& stream);
void launch_attention_forward(const AttentionForward<float>& call, int64_t head_size, GpuStream& stream);

void launch_attention_backward(const AttentionBackward<bf16>& call, int64_t head_size, GpuStream& stream);
void launch_attention_backward_short(const AttentionBackward<bf16>& call, int64_t head_size,
                                     GpuStream& stream);
void launch_attention_backward(const AttentionBackward<float>& call, int64_t head_size, GpuStream& stream);

// The bias as the kernels read it, from [distances, heads]; `spread` has heads * bias_stride(reach) floats.
void launch_spread_bias(float* spread, int reach, float score_scale, const Tensor& bias, GpuStream& stream);
// After the backward above, whose delta it reads: row_dbias, scratch [heads, 2 * tokens], receives each row's
// sums over its scores, by distance, row r's from 2 * cu_lengths[r] on …
void launch_attention_bias_gradient(float* row_dbias, const AttentionBackward<bf16>& call, int64_t head_size,
                                    GpuStream& stream);
void launch_attention_bias_gradient(float* row_dbias, const AttentionBackward<float>& call, int64_t head_size,
                                    GpuStream& stream);
// … and dbias [distances, heads] += the rows' sums, in the order of the rows.
void launch_sum_row_biases(const Tensor& dbias, const float* row_dbias, const AttentionBatch& batch,
                           int64_t max_length, GpuStream& stream);

}  // namespace limner
