#include "kernels/cpu/targets.h"
// Highway compiles what follows once per instruction set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/attention_forward.cpp"
#include "hwy/foreach_target.h"
//
#include <cmath>

#include "kernels/check.h"
#include "kernels/cpu/attention.h"
#include "kernels/cpu/attention_inl.h"
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

// Scratch of one task: a row's tokens, a group of heads.
struct ForwardScratch {
  ScratchPieces pieces;
  float *queries, *keys, *values, *out, *key_panels, *scores;
  uint16_t* bits;
  ForwardScratch(std::byte* memory, int64_t length, int64_t heads, int64_t head_size) : pieces(memory) {
    const int64_t whole = whole_vectors(length), stride = whole_vectors(head_size);
    for (float** part : {&queries, &keys, &values, &out}) *part = pieces.floats(heads * whole * stride);
    key_panels = pieces.floats(whole * stride);
    scores = pieces.floats(kForwardQueries * whole);
    bits = pieces.bits(drawn_bytes(whole));
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

// One head of one row; pieces of scratch are this head's.
struct ForwardHead {
  float *queries, *keys, *values, *out;
  int64_t row, head, first, length, stride;
};

void drop_probabilities(float* probabilities, const Keep& keep, const uint16_t* bits, int64_t seen) {
  for (int64_t k = 0; k < seen; k += kLanes)
    store(keep(load(probabilities + k), bits + k), probabilities + k);
}

// out = softmax(queries keys^T) values, a few queries at a time: their scores over the whole row stay in L1.
void forward_head(const AttentionForward& call, const ForwardHead& at, const RandomBits& random,
                  const ForwardScratch& scratch) {
  const int64_t head_size = call.shape.head_size, row_stride = whole_vectors(at.length);
  const int64_t head_vectors = (head_size + kLanes - 1) / kLanes;
  const bool causal = call.shape.masking == Masking::causal;
  float* lse = call.lse.absent() ? nullptr : call.lse.as<float>() + at.head * call.y.rows() + at.first;
  const Keep keep(call.shape.dropout);
  pack_panels(scratch.key_panels, at.keys, at.stride, at.length);
  for (int64_t query = 0; query < at.length; query += kForwardQueries) {
    const int64_t queries = std::min(kForwardQueries, at.length - query);
    const int64_t keys = causal ? query + queries : at.length;
    multiply<Write::overwrite>(scratch.scores, row_stride, Left{at.queries + query * at.stride, at.stride, 1},
                               as_panels(scratch.key_panels, at.stride), queries,
                               (keys + kLanes - 1) / kLanes, head_size);
    float sums[kForwardQueries];
    for (int64_t q = 0; q < queries; ++q) {
      float* scores = scratch.scores + q * row_stride;
      const int64_t seen = causal ? query + q + 1 : at.length;
      const RowSum total = exponentials(scores, seen);
      std::fill(scores + seen, scores + keys, 0.0f);
      sums[q] = total.sum;
      if (lse != nullptr) lse[query + q] = (total.max + std::log2(total.sum)) / kLog2E;
      if (!call.shape.dropout.active()) continue;
      random.draw(scratch.bits, call.packing.row_keys[static_cast<size_t>(at.row)], query + q,
                  at.head * kDropoutElementsPerHead, seen);
      drop_probabilities(scores, keep, scratch.bits, seen);
    }
    float* out = at.out + query * at.stride;
    multiply<Write::overwrite>(out, at.stride, Left{scratch.scores, row_stride, 1},
                               as_rows(at.values, at.stride), queries, head_vectors, keys);
    for (int64_t q = 0; q < queries; ++q) {
      const FloatVector share = constant(1.0f / sums[q]);
      for (int64_t c = 0; c < head_size; c += kLanes) {
        store(hn::Mul(load(out + q * at.stride + c), share), out + q * at.stride + c);
      }
    }
  }
}

template <class T>
void forward_task(const AttentionForward& call, int64_t row, int64_t first_head, int64_t last_head,
                  std::byte* memory) {
  const int64_t head_size = call.shape.head_size, hidden = call.shape.heads * head_size;
  const int64_t first = call.packing.cu_lengths[static_cast<size_t>(row)];
  const int64_t length = AttentionTasks::length(call.packing, row), stride = whole_vectors(head_size);
  const int64_t heads = last_head - first_head, head_stride = whole_vectors(length) * stride;
  const ForwardScratch scratch(memory, length, heads, head_size);
  HeadGroup group{heads, head_size, length, 3 * hidden, stride, head_stride};
  const T* qkv = call.qkv.as<T>() + first * 3 * hidden + first_head * head_size;
  gather_heads(scratch.queries, qkv, group, kLog2E / std::sqrt(static_cast<float>(head_size)));
  gather_heads(scratch.keys, qkv + hidden, group, 1.0f);
  gather_heads(scratch.values, qkv + 2 * hidden, group, 1.0f);
  const RandomBits random(call.shape.dropout.key);
  for (int64_t h = 0; h < heads; ++h) {
    const int64_t offset = h * head_stride;
    forward_head(call,
                 {scratch.queries + offset, scratch.keys + offset, scratch.values + offset,
                  scratch.out + offset, row, first_head + h, first, length, stride},
                 random, scratch);
  }
  group.token_stride = hidden;
  scatter_heads(call.y.as<T>() + first * hidden + first_head * head_size, scratch.out, group, 1.0f);
}

void attention_forward_task(const AttentionForward& call, int64_t row, int64_t first_head, int64_t last_head,
                            std::byte* memory) {
  if (call.y.dtype == DType::f32) {
    forward_task<float>(call, row, first_head, last_head, memory);
  } else {
    forward_task<bfloat16>(call, row, first_head, last_head, memory);
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
  thread_scratch_.ensure(
      ForwardScratch(nullptr, tasks.longest(), tasks.most_heads(), shape.head_size).pieces.bytes());
  const AttentionForward call{y, lse, qkv, packing, shape};
  parallel_for(tasks.count(), threads_, [&](int64_t task) {
    HWY_DYNAMIC_DISPATCH(attention_forward_task)
    (call, tasks.row(task), tasks.first_head(task), tasks.last_head(task), thread_scratch_.mine());
  });
}

}  // namespace limner
#endif
