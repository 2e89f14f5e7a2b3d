#include "kernels/cpu/targets.h"
// Highway compiles what follows once per instruction set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/attention_backward.cpp"
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

#ifndef LIMNER_ATTENTION_BACKWARD_ARGUMENTS
#define LIMNER_ATTENTION_BACKWARD_ARGUMENTS
namespace limner {

struct AttentionBackward {
  Tensor dqkv, dy, y, lse, qkv;
  const Packing& packing;
  const AttentionShape& shape;
};

// Scratch of one task: a row's tokens, a group of heads.
struct BackwardScratch {
  ScratchPieces pieces;
  float *queries, *keys, *values, *dout, *dqueries, *dkeys, *dvalues;
  float *key_panels, *value_panels, *probabilities, *dscores, *deltas;
  uint16_t* bits;
  BackwardScratch(std::byte* memory, int64_t length, int64_t heads, int64_t head_size) : pieces(memory) {
    const int64_t whole = whole_vectors(length), stride = whole_vectors(head_size);
    const int64_t queries_at_once = std::min(length, tuning::kAttentionQueryBlock);
    for (float** part : {&queries, &keys, &values, &dout, &dqueries, &dkeys, &dvalues}) {
      *part = pieces.floats(heads * whole * stride);
    }
    for (float** panels : {&key_panels, &value_panels}) *panels = pieces.floats(whole * stride);
    for (float** block : {&probabilities, &dscores}) *block = pieces.floats(queries_at_once * whole);
    deltas = pieces.floats(heads * whole);
    bits = pieces.bits(drawn_bytes(whole));
  }
};

}  // namespace limner
#endif

HWY_BEFORE_NAMESPACE();
namespace limner::HWY_NAMESPACE {

// One query's scores (base 2) become its probabilities after dropout, its dprobabilities its dscores.
struct ScoreRow {
  float *scores, *dscores;
  int64_t seen, keys;  // keys seen by this query; keys the block works on
  float lse2;          // log2 of the sum of 2^score
  float delta;         // dy . y
};

HWY_INLINE void score_gradients(const ScoreRow& row, const uint16_t* bits, const Dropout& dropout) {
  const Keep keep(dropout);
  for (int64_t k = 0; k < row.keys; k += kLanes) {
    const int64_t left = row.seen - k;
    FloatVector p = hn::Zero(Floats());
    if (left > 0) {
      p = exp2(hn::Sub(load(row.scores + k), constant(row.lse2)));
      if (left < kLanes) p = first_lanes(p, left);
    }
    FloatVector used = p, dp = load(row.dscores + k);
    if (bits != nullptr && left > 0) {
      used = keep(p, bits + k);
      dp = keep(dp, bits + k);
    }
    store(used, row.scores + k);
    store(hn::Mul(p, hn::Sub(dp, constant(row.delta))), row.dscores + k);
  }
}

template <class T>
HWY_INLINE float dot(const T* a, const T* b, int64_t count) {
  FloatVector sum = hn::Zero(Floats());
  for (int64_t c = 0; c < count; c += kLanes) {
    sum = hn::MulAdd(load_some(a + c, count - c), load_some(b + c, count - c), sum);
  }
  return sum_of_lanes(sum);
}

// One head of one row; pieces of scratch are this head's.
struct BackwardHead {
  float *queries, *keys, *values, *dout, *dqueries, *dkeys, *dvalues, *deltas;
  int64_t row, head, first, length, stride;
};

// Gradients of one head from its gathered numbers, a block of queries at a time.
void backward_head(const AttentionBackward& call, const BackwardHead& at, const RandomBits& random,
                   const BackwardScratch& scratch) {
  const int64_t head_size = call.shape.head_size, stride = at.stride, row_stride = whole_vectors(at.length);
  const int64_t head_vectors = (head_size + kLanes - 1) / kLanes;
  const bool causal = call.shape.masking == Masking::causal;
  const Dropout& dropout = call.shape.dropout;
  const float* lse = call.lse.as<float>() + at.head * call.y.rows() + at.first;
  pack_panels(scratch.key_panels, at.keys, stride, at.length);
  pack_panels(scratch.value_panels, at.values, stride, at.length);
  std::fill(at.dkeys, at.dkeys + at.length * stride, 0.0f);
  std::fill(at.dvalues, at.dvalues + at.length * stride, 0.0f);
  for (int64_t query = 0; query < at.length; query += tuning::kAttentionQueryBlock) {
    const int64_t queries = std::min(tuning::kAttentionQueryBlock, at.length - query);
    const int64_t keys = causal ? query + queries : at.length;
    const int64_t key_vectors = (keys + kLanes - 1) / kLanes;
    const float* block_queries = at.queries + query * stride;
    const float* block_dout = at.dout + query * stride;
    multiply<Write::overwrite>(scratch.probabilities, row_stride, Left{block_queries, stride, 1},
                               as_panels(scratch.key_panels, stride), queries, key_vectors, head_size);
    multiply<Write::overwrite>(scratch.dscores, row_stride, Left{block_dout, stride, 1},
                               as_panels(scratch.value_panels, stride), queries, key_vectors, head_size);
    for (int64_t q = 0; q < queries; ++q) {
      const int64_t token = query + q;
      const ScoreRow scores{.scores = scratch.probabilities + q * row_stride,
                            .dscores = scratch.dscores + q * row_stride,
                            .seen = causal ? token + 1 : at.length,
                            .keys = keys,
                            .lse2 = lse[token] * kLog2E,
                            .delta = at.deltas[token]};
      if (dropout.active()) {
        random.draw(scratch.bits, call.packing.row_keys[static_cast<size_t>(at.row)], token,
                    at.head * kDropoutElementsPerHead, scores.seen);
      }
      score_gradients(scores, dropout.active() ? scratch.bits : nullptr, dropout);
    }
    multiply<Write::overwrite>(at.dqueries + query * stride, stride, Left{scratch.dscores, row_stride, 1},
                               as_rows(at.keys, stride), queries, head_vectors, keys);
    multiply<Write::add>(at.dkeys, stride, Left{scratch.dscores, 1, row_stride},
                         as_rows(block_queries, stride), keys, head_vectors, queries);
    multiply<Write::add>(at.dvalues, stride, Left{scratch.probabilities, 1, row_stride},
                         as_rows(block_dout, stride), keys, head_vectors, queries);
  }
}

template <class T>
void backward_task(const AttentionBackward& call, int64_t row, int64_t first_head, int64_t last_head,
                   std::byte* memory) {
  const int64_t head_size = call.shape.head_size, hidden = call.shape.heads * head_size;
  const int64_t first = call.packing.cu_lengths[static_cast<size_t>(row)];
  const int64_t length = AttentionTasks::length(call.packing, row), stride = whole_vectors(head_size);
  const int64_t heads = last_head - first_head, head_stride = whole_vectors(length) * stride;
  const float scale = 1.0f / std::sqrt(static_cast<float>(head_size));
  const BackwardScratch scratch(memory, length, heads, head_size);
  const HeadGroup in{heads, head_size, length, 3 * hidden, stride, head_stride};
  const HeadGroup out{heads, head_size, length, hidden, stride, head_stride};
  const T* qkv = call.qkv.as<T>() + first * 3 * hidden + first_head * head_size;
  const T* y = call.y.as<T>() + first * hidden + first_head * head_size;
  const T* dy = call.dy.as<T>() + first * hidden + first_head * head_size;
  gather_heads(scratch.queries, qkv, in, scale * kLog2E);
  gather_heads(scratch.keys, qkv + hidden, in, 1.0f);
  gather_heads(scratch.values, qkv + 2 * hidden, in, 1.0f);
  gather_heads(scratch.dout, dy, out, 1.0f);
  const RandomBits random(call.shape.dropout.key);
  for (int64_t h = 0; h < heads; ++h) {
    float* deltas = scratch.deltas + h * whole_vectors(length);
    for (int64_t token = 0; token < length; ++token) {
      const int64_t start = token * hidden + h * head_size;
      deltas[token] = dot(dy + start, y + start, head_size);
    }
    const int64_t offset = h * head_stride;
    backward_head(call,
                  {scratch.queries + offset, scratch.keys + offset, scratch.values + offset,
                   scratch.dout + offset, scratch.dqueries + offset, scratch.dkeys + offset,
                   scratch.dvalues + offset, deltas, row, first_head + h, first, length, stride},
                  random, scratch);
  }
  T* dqkv = call.dqkv.as<T>() + first * 3 * hidden + first_head * head_size;
  scatter_heads(dqkv, scratch.dqueries, in, scale);
  scatter_heads(dqkv + hidden, scratch.dkeys, in,
                1.0f / kLog2E);  // the queries were scaled by log2(e) as well
  scatter_heads(dqkv + 2 * hidden, scratch.dvalues, in, 1.0f);
}

void attention_backward_task(const AttentionBackward& call, int64_t row, int64_t first_head,
                             int64_t last_head, std::byte* memory) {
  if (call.y.dtype == DType::f32) {
    backward_task<float>(call, row, first_head, last_head, memory);
  } else {
    backward_task<bfloat16>(call, row, first_head, last_head, memory);
  }
}

}  // namespace limner::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace limner {

HWY_EXPORT(attention_backward_task);

void CpuBackend::attention_backward(Tensor dqkv, Tensor dy, Tensor y, Tensor lse, Tensor qkv,
                                    const Packing& packing, const AttentionShape& shape) {
  const char* const name = "attention_backward";
  check_float(name, "qkv", qkv);
  const int64_t tokens = qkv.rows(), hidden = shape.heads * shape.head_size;
  check_tensor(name, "qkv", qkv, qkv.dtype, {tokens, 3 * hidden});
  check_tensor(name, "dqkv", dqkv, qkv.dtype, {tokens, 3 * hidden});
  check_tensor(name, "dy", dy, qkv.dtype, {tokens, hidden});
  check_tensor(name, "y", y, qkv.dtype, {tokens, hidden});
  check_tensor(name, "lse", lse, DType::f32, {shape.heads, tokens});
  check_packing(name, packing, tokens);
  check_dropout(name, shape.dropout);
  const AttentionTasks tasks(packing, shape.heads);
  check_attention_dropout(name, shape, tasks.longest());
  thread_scratch_.ensure(
      BackwardScratch(nullptr, tasks.longest(), tasks.most_heads(), shape.head_size).pieces.bytes());
  const AttentionBackward call{dqkv, dy, y, lse, qkv, packing, shape};
  parallel_for(tasks.count(), threads_, [&](int64_t task) {
    HWY_DYNAMIC_DISPATCH(attention_backward_task)
    (call, tasks.row(task), tasks.first_head(task), tasks.last_head(task), thread_scratch_.mine());
  });
}

}  // namespace limner
#endif
