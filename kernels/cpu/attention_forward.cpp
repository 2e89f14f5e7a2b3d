#include "kernels/cpu/targets.h"
// Highway compiles what follows once per instruction set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/attention_forward.cpp"
#include "hwy/foreach_target.h"
//
#include <cmath>

#include "kernels/cpu/attention.h"
#include "kernels/cpu/attention_inl.h"
#include "kernels/cpu/check.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/dropout_inl.h"
#include "kernels/cpu/rows.h"
#include "runtime/parallel.h"

#ifndef LIMNER_ATTENTION_FORWARD_ARGUMENTS
#define LIMNER_ATTENTION_FORWARD_ARGUMENTS
namespace limner {

struct AttentionForward {
  Tensor y, lse, qkv;
  const Packing& packing;
  const AttentionShape& shape;
};

// Queries whose scores are held at once; a multiple of every tile of registers.
inline constexpr int64_t kForwardQueries = 8;

struct ForwardScratch {
  ScratchPieces pieces;
  float *queries, *rows, *key_panels, *values, *scores, *out;
  uint16_t* bits;
  ForwardScratch(std::byte* memory, int64_t length, int64_t head_size) : pieces(memory) {
    const int64_t keys = whole_vectors(length), stride = whole_vectors(head_size);
    queries = pieces.floats(length * stride);
    rows = pieces.floats(keys * stride);
    key_panels = pieces.floats(keys * stride);
    values = pieces.floats(length * stride);
    scores = pieces.floats(kForwardQueries * keys);
    out = pieces.floats(kForwardQueries * stride);
    bits = pieces.bits(drawn_bytes(keys));
  }
};

}  // namespace limner
#endif

HWY_BEFORE_NAMESPACE();
namespace limner::HWY_NAMESPACE {

// scores (base 2) of `keys` keys become 2^(score - max); returns max and sum.
struct RowSum {
  float max, sum;
};
HWY_INLINE RowSum exponentials(float* scores, int64_t keys) {
  FloatVector most = constant(-INFINITY);
  int64_t k = 0;
  for (; k + kLanes <= keys; k += kLanes) most = hn::Max(most, load(scores + k));
  if (k < keys) {
    most = hn::Max(most, hn::IfThenElse(hn::FirstN(Floats(), static_cast<size_t>(keys - k)), load(scores + k),
                                        constant(-INFINITY)));
  }
  const float max = max_of_lanes(most);
  FloatVector sum = hn::Zero(Floats());
  for (k = 0; k + kLanes <= keys; k += kLanes) {
    const FloatVector p = exp2(hn::Sub(load(scores + k), constant(max)));
    store(p, scores + k);
    sum = hn::Add(sum, p);
  }
  if (k < keys) {
    const FloatVector p = first_lanes(exp2(hn::Sub(load(scores + k), constant(max))), keys - k);
    store(p, scores + k);
    sum = hn::Add(sum, p);
  }
  return {max, sum_of_lanes(sum)};
}

template <class T>
void forward_head(const AttentionForward& call, int64_t row, int64_t head, ForwardScratch& scratch) {
  const int64_t heads = call.shape.heads, head_size = call.shape.head_size, hidden = heads * head_size;
  const int64_t first = call.packing.cu_lengths[static_cast<size_t>(row)];
  const int64_t length = AttentionTasks::length(call.packing, row);
  const int64_t stride = whole_vectors(head_size), row_stride = whole_vectors(length);
  const bool causal = call.shape.masking == Masking::causal;
  const Dropout& dropout = call.shape.dropout;
  const float scale = kLog2E / std::sqrt(static_cast<float>(head_size));

  const T* qkv = call.qkv.as<T>() + first * 3 * hidden + head * head_size;
  gather_head(scratch.queries, stride, qkv, 3 * hidden, length, head_size, scale);
  gather_head(scratch.rows, stride, qkv + hidden, 3 * hidden, length, head_size, 1.0f);
  pack_panels(scratch.key_panels, scratch.rows, stride, length);
  gather_head(scratch.values, stride, qkv + 2 * hidden, 3 * hidden, length, head_size, 1.0f);

  for (int64_t query = 0; query < length; query += kForwardQueries) {
    const int64_t queries = std::min(kForwardQueries, length - query);
    const int64_t keys = causal ? query + queries : length;
    multiply<Write::overwrite>(scratch.scores, row_stride, Left{scratch.queries + query * stride, stride, 1},
                               as_panels(scratch.key_panels, stride), queries, (keys + kLanes - 1) / kLanes,
                               head_size);
    float shares[kForwardQueries];
    for (int64_t q = 0; q < queries; ++q) {
      float* scores = scratch.scores + q * row_stride;
      const int64_t seen = causal ? query + q + 1 : length;
      const RowSum total = exponentials(scores, seen);
      std::fill(scores + seen, scores + keys, 0.0f);
      shares[q] = 1.0f / total.sum;
      if (!call.lse.absent()) {
        call.lse.as<float>()[head * call.y.rows() + first + query + q] =
            (total.max + std::log2(total.sum)) / kLog2E;
      }
      if (!dropout.active()) continue;
      draw_bits(scratch.bits, dropout.key, call.packing.row_keys[static_cast<size_t>(row)], query + q,
                head * kDropoutElementsPerHead, seen);
      const Keep keep(dropout);
      for (int64_t k = 0; k < seen; k += kLanes) {
        store(keep(load(scores + k), scratch.bits + k), scores + k);
      }
    }
    multiply<Write::overwrite>(scratch.out, stride, Left{scratch.scores, row_stride, 1},
                               as_rows(scratch.values, stride), queries, (head_size + kLanes - 1) / kLanes,
                               keys);
    T* y = call.y.as<T>() + (first + query) * hidden + head * head_size;
    for (int64_t q = 0; q < queries; ++q) {
      scatter_head(y + q * hidden, hidden, scratch.out + q * stride, stride, 1, head_size, shares[q]);
    }
  }
}

void attention_forward_task(const AttentionForward& call, int64_t row, int64_t first_head, int64_t last_head,
                            std::byte* memory) {
  ForwardScratch scratch(memory, AttentionTasks::length(call.packing, row), call.shape.head_size);
  for (int64_t head = first_head; head < last_head; ++head) {
    if (call.y.dtype == DType::f32) {
      forward_head<float>(call, row, head, scratch);
    } else {
      forward_head<bfloat16>(call, row, head, scratch);
    }
  }
}

}  // namespace limner::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace limner {

HWY_EXPORT(attention_forward_task);

void CpuBackend::attention_forward(Tensor y, Tensor lse, Tensor qkv, const Packing& packing,
                                   const AttentionShape& shape) {
  const char* const name = "attention_forward";
  check_float(name, "qkv", qkv);
  const int64_t tokens = qkv.rows(), hidden = shape.heads * shape.head_size;
  check_tensor(name, "qkv", qkv, qkv.dtype, {tokens, 3 * hidden});
  check_tensor(name, "y", y, qkv.dtype, {tokens, hidden});
  check_optional(name, "lse", lse, DType::f32, {shape.heads, tokens});
  check_packing(name, packing, tokens);
  check_dropout(name, shape.dropout);
  const AttentionTasks tasks(packing, shape.heads);
  check_attention_dropout(name, shape, tasks.longest());
  thread_scratch_.ensure(ForwardScratch(nullptr, tasks.longest(), shape.head_size).pieces.bytes());
  const AttentionForward call{y, lse, qkv, packing, shape};
  parallel_for(tasks.count(), threads_, [&](int64_t task) {
    HWY_DYNAMIC_DISPATCH(attention_forward_task)
    (call, tasks.row(task), tasks.first_head(task), tasks.last_head(task), thread_scratch_.mine());
  });
}

}  // namespace limner
#endif
