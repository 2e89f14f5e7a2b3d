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
  Tensor y, lse, qkv, bias;
  const Packing& packing;
  const AttentionShape& shape;
};

// Queries whose scores are held at once; a multiple of every tile of registers.
inline constexpr int64_t kForwardQueries = 8;

// Scratch of one task: a row's tokens, some key heads and their query heads.
struct ForwardScratch {
  ScratchPieces pieces;
  float *queries, *keys, *values, *out, *key_panels, *scores, *bias;
  uint16_t* bits;
  ForwardScratch(std::byte* memory, int64_t length, int64_t key_heads, const AttentionShape& shape)
      : pieces(memory) {
    const int64_t whole = whole_vectors(length), stride = whole_vectors(shape.head_size);
    for (float** part : {&queries, &out}) *part = pieces.floats(key_heads * shape.group() * whole * stride);
    for (float** part : {&keys, &values}) *part = pieces.floats(key_heads * whole * stride);
    key_panels = pieces.floats(whole * stride);
    scores = pieces.floats(kForwardQueries * whole);
    bias = pieces.floats(bias_floats(length));
    bits = pieces.bits(drawn_bytes(whole));
  }
};

}  // namespace limner
#endif

HWY_BEFORE_NAMESPACE();
namespace limner::HWY_NAMESPACE {

// scores (base 2) of keys begin..end - 1 become 2^(score - max), those of the vectors' other keys 0; returns
// max and sum.
struct RowSum {
  float max, sum;
};
HWY_INLINE RowSum exponentials(float* scores, int64_t begin, int64_t end) {
  const int64_t start = begin / kLanes * kLanes;
  FloatVector most = constant(-INFINITY);
  for (int64_t k = start; k < end; k += kLanes) {
    most = hn::Max(most, lanes_between(load(scores + k), begin - k, end - k, constant(-INFINITY)));
  }
  const float max = max_of_lanes(most);
  FloatVector sum = hn::Zero(Floats());
  for (int64_t k = start; k < end; k += kLanes) {
    const FloatVector p =
        lanes_between(exp2(hn::Sub(load(scores + k), constant(max))), begin - k, end - k, hn::Zero(Floats()));
    store(p, scores + k);
    sum = hn::Add(sum, p);
  }
  return {max, sum_of_lanes(sum)};
}

// One head of one row; pieces of scratch are this head's, and its keys stand in the panels.
struct ForwardHead {
  float *queries, *values, *out;
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
  float* lse = call.lse.absent() ? nullptr : call.lse.as<float>() + at.head * call.y.rows() + at.first;
  const Keep keep(call.shape.dropout);
  for (int64_t query = 0; query < at.length; query += kForwardQueries) {
    const int64_t queries = std::min(kForwardQueries, at.length - query);
    const KeyRange block = keys_seen(call.shape, query, queries, at.length);
    const int64_t start = whole_vectors_below(block.first), keys = block.last - start;
    multiply<Write::overwrite>(scratch.scores, row_stride, Left{at.queries + query * at.stride, at.stride, 1},
                               as_panels(scratch.key_panels + start * at.stride, at.stride), queries,
                               (keys + kLanes - 1) / kLanes, head_size);
    float sums[kForwardQueries];
    for (int64_t q = 0; q < queries; ++q) {
      float* scores = scratch.scores + q * row_stride;
      const KeyRange mine = keys_seen(call.shape, query + q, 1, at.length);
      const int64_t begin = mine.first - start, end = mine.last - start;
      if (!call.bias.absent()) {
        add_bias(scores, scratch.bias + bias_place(at.length, query + q, start), end);
      }
      const RowSum total = exponentials(scores, begin, end);
      std::fill(scores, scores + begin, 0.0f);
      std::fill(scores + end, scores + keys, 0.0f);
      sums[q] = total.sum;
      if (lse != nullptr) lse[query + q] = (total.max + std::log2(total.sum)) / kLog2E;
      if (!call.shape.dropout.active()) continue;
      random.draw(scratch.bits, call.packing.row_keys[static_cast<size_t>(at.row)], query + q,
                  at.head * kDropoutElementsPerHead + start, end);
      drop_probabilities(scores, keep, scratch.bits, end);
    }
    float* out = at.out + query * at.stride;
    multiply<Write::overwrite>(out, at.stride, Left{scratch.scores, row_stride, 1},
                               as_rows(at.values + start * at.stride, at.stride), queries, head_vectors,
                               keys);
    for (int64_t q = 0; q < queries; ++q) {
      const FloatVector share = constant(1.0f / sums[q]);
      for (int64_t c = 0; c < head_size; c += kLanes) {
        store(hn::Mul(load(out + q * at.stride + c), share), out + q * at.stride + c);
      }
    }
  }
}

template <class T>
void forward_task(const AttentionForward& call, int64_t row, int64_t first_key_head, int64_t last_key_head,
                  std::byte* memory) {
  const AttentionShape& shape = call.shape;
  const int64_t head_size = shape.head_size, packed = shape.packed_width(), width = shape.width();
  const int64_t first = call.packing.cu_lengths[static_cast<size_t>(row)];
  const int64_t length = AttentionTasks::length(call.packing, row), stride = whole_vectors(head_size);
  const int64_t key_heads = last_key_head - first_key_head, head_stride = whole_vectors(length) * stride;
  const int64_t first_head = first_key_head * shape.group(), heads = key_heads * shape.group();
  const ForwardScratch scratch(memory, length, key_heads, shape);
  const HeadGroup queries{heads, head_size, length, packed, stride, head_stride};
  const HeadGroup keys{key_heads, head_size, length, packed, stride, head_stride};
  const HeadGroup out{heads, head_size, length, width, stride, head_stride};
  const T* qkv = call.qkv.as<T>() + first * packed;
  const T* own_keys = qkv + width + first_key_head * head_size;
  gather_heads(scratch.queries, qkv + first_head * head_size, queries,
               kLog2E / std::sqrt(static_cast<float>(head_size)));
  gather_heads(scratch.keys, own_keys, keys, 1.0f);
  gather_heads(scratch.values, own_keys + shape.key_head_count() * head_size, keys, 1.0f);
  const RandomBits random(shape.dropout.key);
  for (int64_t h = 0; h < heads; ++h) {
    const int64_t offset = h * head_stride, key_offset = h / shape.group() * head_stride;
    if (h % shape.group() == 0) pack_panels(scratch.key_panels, scratch.keys + key_offset, stride, length);
    if (!call.bias.absent()) gather_bias(scratch.bias, call.bias, first_head + h, length);
    forward_head(call,
                 {scratch.queries + offset, scratch.values + key_offset, scratch.out + offset, row,
                  first_head + h, first, length, stride},
                 random, scratch);
  }
  scatter_heads(call.y.as<T>() + first * width + first_head * head_size, scratch.out, out, 1.0f);
}

void attention_forward_task(const AttentionForward& call, int64_t row, int64_t first_key_head,
                            int64_t last_key_head, std::byte* memory) {
  if (call.y.dtype == DType::f32) {
    forward_task<float>(call, row, first_key_head, last_key_head, memory);
  } else {
    forward_task<bfloat16>(call, row, first_key_head, last_key_head, memory);
  }
}

}  // namespace limner::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace limner {

HWY_EXPORT(attention_forward_task);

void CpuBackend::attention_forward(Tensor y, Tensor lse, Tensor qkv, Tensor bias, const Packing& packing,
                                   const AttentionShape& shape) {
  const char* const name = "attention_forward";
  check_float(name, "qkv", qkv);
  check_attention_shape(name, shape);
  const int64_t tokens = qkv.rows();
  check_tensor(name, "qkv", qkv, qkv.dtype, {tokens, shape.packed_width()});
  check_tensor(name, "y", y, qkv.dtype, {tokens, shape.width()});
  check_optional(name, "lse", lse, DType::f32, {shape.heads, tokens});
  check_packing(name, packing, tokens);
  check_dropout(name, shape.dropout);
  const AttentionTasks tasks(packing, shape);
  check_attention_dropout(name, shape, tasks.longest());
  check_attention_bias(name, "bias", bias, shape, tasks.longest());
  thread_scratch_.ensure(ForwardScratch(nullptr, tasks.longest(), tasks.most_heads(), shape).pieces.bytes());
  const AttentionForward call{y, lse, qkv, bias, packing, shape};
  parallel_for(tasks.count(), threads_, [&](int64_t task) {
    HWY_DYNAMIC_DISPATCH(attention_forward_task)
    (call, tasks.row(task), tasks.first_head(task), tasks.last_head(task), thread_scratch_.mine());
  });
}

}  // namespace limner
#endif
