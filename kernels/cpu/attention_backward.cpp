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
  Tensor dqkv, dy, y, lse, qkv, bias;
  float* dbias;  // null, or each row's own: [heads, 2 * tokens], row r's distances from 2 * cu_lengths[r] on
  const Packing& packing;
  const AttentionShape& shape;
};

// Scratch of one task: a row's tokens, some key heads and their query heads.
struct BackwardScratch {
  ScratchPieces pieces;
  float *queries, *keys, *values, *dout, *dqueries, *dkeys, *dvalues;
  float *key_panels, *value_panels, *probabilities, *dscores, *deltas, *bias, *dbias;
  uint16_t* bits;
  BackwardScratch(std::byte* memory, int64_t length, int64_t key_heads, const AttentionShape& shape)
      : pieces(memory) {
    const int64_t whole = whole_vectors(length), stride = whole_vectors(shape.head_size);
    const int64_t queries_at_once = std::min(length, tuning::kAttentionQueryBlock);
    const int64_t heads = key_heads * shape.group();
    for (float** part : {&queries, &dout, &dqueries}) *part = pieces.floats(heads * whole * stride);
    for (float** part : {&keys, &values, &dkeys, &dvalues}) *part = pieces.floats(key_heads * whole * stride);
    for (float** panels : {&key_panels, &value_panels}) *panels = pieces.floats(whole * stride);
    for (float** block : {&probabilities, &dscores}) *block = pieces.floats(queries_at_once * whole);
    deltas = pieces.floats(heads * whole);
    for (float** distances : {&bias, &dbias}) *distances = pieces.floats(bias_floats(length));
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
  int64_t begin, end, keys;  // keys begin..end - 1 are seen by this query; keys the block works on
  float lse2;                // log2 of the sum of 2^score
  float delta;               // dy . y
};

HWY_INLINE void score_gradients(const ScoreRow& row, const uint16_t* bits, const Dropout& dropout) {
  const Keep keep(dropout);
  for (int64_t k = 0; k < row.keys; k += kLanes) {
    const bool seen = k < row.end && k + kLanes > row.begin;
    FloatVector p = hn::Zero(Floats());
    if (seen) {
      p = lanes_between(exp2(hn::Sub(load(row.scores + k), constant(row.lse2))), row.begin - k, row.end - k,
                        hn::Zero(Floats()));
    }
    FloatVector used = p, dp = load(row.dscores + k);
    if (bits != nullptr && seen) {
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

// One head of one row; pieces of scratch are this head's, and its keys and values stand in the panels too.
struct BackwardHead {
  float *queries, *keys, *dout, *dqueries, *dkeys, *dvalues, *deltas;
  int64_t row, head, first, length, stride;
};

// Gradients of one head from its gathered numbers, a block of queries at a time; those of keys and values are
// added to.
void backward_head(const AttentionBackward& call, const BackwardHead& at, const RandomBits& random,
                   const BackwardScratch& scratch) {
  const int64_t head_size = call.shape.head_size, stride = at.stride, row_stride = whole_vectors(at.length);
  const int64_t head_vectors = (head_size + kLanes - 1) / kLanes;
  const Dropout& dropout = call.shape.dropout;
  const float* lse = call.lse.as<float>() + at.head * call.y.rows() + at.first;
  for (int64_t query = 0; query < at.length; query += tuning::kAttentionQueryBlock) {
    const int64_t queries = std::min(tuning::kAttentionQueryBlock, at.length - query);
    const KeyRange block = keys_seen(call.shape, query, queries, at.length);
    const int64_t start = whole_vectors_below(block.first), keys = block.last - start;
    const int64_t key_vectors = (keys + kLanes - 1) / kLanes;
    const float* block_queries = at.queries + query * stride;
    const float* block_dout = at.dout + query * stride;
    multiply<Write::overwrite>(scratch.probabilities, row_stride, Left{block_queries, stride, 1},
                               as_panels(scratch.key_panels + start * stride, stride), queries, key_vectors,
                               head_size);
    multiply<Write::overwrite>(scratch.dscores, row_stride, Left{block_dout, stride, 1},
                               as_panels(scratch.value_panels + start * stride, stride), queries, key_vectors,
                               head_size);
    for (int64_t q = 0; q < queries; ++q) {
      const int64_t token = query + q;
      const KeyRange mine = keys_seen(call.shape, token, 1, at.length);
      const ScoreRow scores{.scores = scratch.probabilities + q * row_stride,
                            .dscores = scratch.dscores + q * row_stride,
                            .begin = mine.first - start,
                            .end = mine.last - start,
                            .keys = keys,
                            .lse2 = lse[token] * kLog2E,
                            .delta = at.deltas[token]};
      const int64_t place = bias_place(at.length, token, start);
      if (!call.bias.absent()) add_bias(scores.scores, scratch.bias + place, scores.end);
      if (dropout.active()) {
        random.draw(scratch.bits, call.packing.row_keys[static_cast<size_t>(at.row)], token,
                    at.head * kDropoutElementsPerHead + start, scores.end);
      }
      score_gradients(scores, dropout.active() ? scratch.bits : nullptr, dropout);
      if (call.dbias != nullptr) add_bias(scratch.dbias + place, scores.dscores, scores.end);
    }
    multiply<Write::overwrite>(at.dqueries + query * stride, stride, Left{scratch.dscores, row_stride, 1},
                               as_rows(at.keys + start * stride, stride), queries, head_vectors, keys);
    multiply<Write::add>(at.dkeys + start * stride, stride, Left{scratch.dscores, 1, row_stride},
                         as_rows(block_queries, stride), keys, head_vectors, queries);
    multiply<Write::add>(at.dvalues + start * stride, stride, Left{scratch.probabilities, 1, row_stride},
                         as_rows(block_dout, stride), keys, head_vectors, queries);
  }
}

template <class T>
void backward_task(const AttentionBackward& call, int64_t row, int64_t first_key_head, int64_t last_key_head,
                   std::byte* memory) {
  const AttentionShape& shape = call.shape;
  const int64_t head_size = shape.head_size, packed = shape.packed_width(), width = shape.width();
  const int64_t first = call.packing.cu_lengths[static_cast<size_t>(row)];
  const int64_t length = AttentionTasks::length(call.packing, row), stride = whole_vectors(head_size);
  const int64_t key_heads = last_key_head - first_key_head, head_stride = whole_vectors(length) * stride;
  const int64_t first_head = first_key_head * shape.group(), heads = key_heads * shape.group();
  const float scale = 1.0f / std::sqrt(static_cast<float>(head_size));
  const BackwardScratch scratch(memory, length, key_heads, shape);
  const HeadGroup in{heads, head_size, length, packed, stride, head_stride};
  const HeadGroup in_keys{key_heads, head_size, length, packed, stride, head_stride};
  const HeadGroup out{heads, head_size, length, width, stride, head_stride};
  const int64_t queries_at = first * packed + first_head * head_size;
  const int64_t keys_at = first * packed + width + first_key_head * head_size;
  const int64_t values_at = keys_at + shape.key_head_count() * head_size;
  const T* qkv = call.qkv.as<T>();
  const T* y = call.y.as<T>() + first * width + first_head * head_size;
  const T* dy = call.dy.as<T>() + first * width + first_head * head_size;
  gather_heads(scratch.queries, qkv + queries_at, in, scale * kLog2E);
  gather_heads(scratch.keys, qkv + keys_at, in_keys, 1.0f);
  gather_heads(scratch.values, qkv + values_at, in_keys, 1.0f);
  gather_heads(scratch.dout, dy, out, 1.0f);
  const RandomBits random(shape.dropout.key);
  for (int64_t h = 0; h < heads; ++h) {
    float* deltas = scratch.deltas + h * whole_vectors(length);
    for (int64_t token = 0; token < length; ++token) {
      const int64_t start = token * width + h * head_size;
      deltas[token] = dot(dy + start, y + start, head_size);
    }
    const int64_t offset = h * head_stride, key_offset = h / shape.group() * head_stride;
    if (h % shape.group() == 0) {
      pack_panels(scratch.key_panels, scratch.keys + key_offset, stride, length);
      pack_panels(scratch.value_panels, scratch.values + key_offset, stride, length);
      std::fill_n(scratch.dkeys + key_offset, length * stride, 0.0f);
      std::fill_n(scratch.dvalues + key_offset, length * stride, 0.0f);
    }
    if (!call.bias.absent()) gather_bias(scratch.bias, call.bias, first_head + h, length);
    if (call.dbias != nullptr) std::fill_n(scratch.dbias, bias_floats(length), 0.0f);
    backward_head(call,
                  {scratch.queries + offset, scratch.keys + key_offset, scratch.dout + offset,
                   scratch.dqueries + offset, scratch.dkeys + key_offset, scratch.dvalues + key_offset,
                   deltas, row, first_head + h, first, length, stride},
                  random, scratch);
    if (call.dbias != nullptr) {
      std::copy_n(scratch.dbias, 2 * length - 1,
                  call.dbias + 2 * ((first_head + h) * call.packing.tokens() + first));
    }
  }
  T* dqkv = call.dqkv.as<T>();
  scatter_heads(dqkv + queries_at, scratch.dqueries, in, scale);
  // The queries were scaled by log2(e) as well.
  scatter_heads(dqkv + keys_at, scratch.dkeys, in_keys, 1.0f / kLog2E);
  scatter_heads(dqkv + values_at, scratch.dvalues, in_keys, 1.0f);
}

void attention_backward_task(const AttentionBackward& call, int64_t row, int64_t first_key_head,
                             int64_t last_key_head, std::byte* memory) {
  if (call.y.dtype == DType::f32) {
    backward_task<float>(call, row, first_key_head, last_key_head, memory);
  } else {
    backward_task<bfloat16>(call, row, first_key_head, last_key_head, memory);
  }
}

}  // namespace limner::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace limner {

HWY_EXPORT(attention_backward_task);

namespace {

// dbias += the rows' own gradients, row after row.
void add_row_biases(const Tensor& dbias, const float* rows, const Packing& packing, int64_t head) {
  const int64_t heads = dbias.dim(1);
  for (int64_t row = 0; row < packing.rows(); ++row) {
    const int64_t length = AttentionTasks::length(packing, row);
    if (length == 0) continue;
    const float* from = rows + 2 * (head * packing.tokens() + packing.cu_lengths[static_cast<size_t>(row)]);
    float* to = dbias.as<float>() + first_distance(dbias, length) * heads + head;
    for (int64_t d = 0; d < 2 * length - 1; ++d) to[d * heads] += from[d];
  }
}

}  // namespace

void CpuBackend::attention_backward(Tensor dqkv, Tensor dbias, Tensor dy, Tensor y, Tensor lse, Tensor qkv,
                                    Tensor bias, const Packing& packing, const AttentionShape& shape) {
  const char* const name = "attention_backward";
  check_float(name, "qkv", qkv);
  check_attention_shape(name, shape);
  const int64_t tokens = qkv.rows();
  check_tensor(name, "qkv", qkv, qkv.dtype, {tokens, shape.packed_width()});
  check_tensor(name, "dqkv", dqkv, qkv.dtype, {tokens, shape.packed_width()});
  check_tensor(name, "dy", dy, qkv.dtype, {tokens, shape.width()});
  check_tensor(name, "y", y, qkv.dtype, {tokens, shape.width()});
  check_tensor(name, "lse", lse, DType::f32, {shape.heads, tokens});
  check_packing(name, packing, tokens);
  check_dropout(name, shape.dropout);
  const AttentionTasks tasks(packing, shape);
  check_attention_dropout(name, shape, tasks.longest());
  check_attention_bias(name, "bias", bias, shape, tasks.longest());
  if (!dbias.absent()) check_tensor(name, "dbias", dbias, DType::f32, {bias.dim(0), shape.heads});
  thread_scratch_.ensure(BackwardScratch(nullptr, tasks.longest(), tasks.most_heads(), shape).pieces.bytes());
  const int64_t row_biases = dbias.absent() ? 0 : 2 * shape.heads * tokens * dtype_bytes(DType::f32);
  float* const row_dbias =
      dbias.absent() ? nullptr : reinterpret_cast<float*>(shared_scratch_.at_least(row_biases));
  const AttentionBackward call{dqkv, dy, y, lse, qkv, bias, row_dbias, packing, shape};
  parallel_for(tasks.count(), threads_, [&](int64_t task) {
    HWY_DYNAMIC_DISPATCH(attention_backward_task)
    (call, tasks.row(task), tasks.first_head(task), tasks.last_head(task), thread_scratch_.mine());
  });
  if (dbias.absent()) return;
  parallel_for(shape.heads, threads_, [&](int64_t head) { add_row_biases(dbias, row_dbias, packing, head); });
}

}  // namespace limner
#endif
