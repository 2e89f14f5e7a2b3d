// What a warp does in attention's backward in bf16: a strip of 16 queries meets keys, a strip of 16 keys
// meets queries; what they meet lies in shared memory. With p the probabilities, s = p after dropout, dp the
// gradient of p and delta = dy . y (Dao, FlashAttention-2, algorithm 2; with dropout delta is still sum over
// keys of p * dp):
//   dv = s^T dy;  dp = dropout'(dy v^T);  dscore = p * (dp - delta);  dq = dscore k;  dk = dscore^T q
// No score or probability ever leaves the registers of its warp.
#pragma once

#include "kernels/cuda/attention_tile.h"

namespace limner {
namespace {

// Keys (for dq) or queries (for dk, dv) that a warp works on at once. Twice as many give mma twice as many
// independent sums to hide its latency; heads of 128 have no registers for them where keys meet queries.
inline constexpr int kQueryStep = 32;
template <int kHeadSize>
inline constexpr int kKeyStep = kHeadSize <= 96 ? 32 : 16;

// delta of the two rows of a lane's half-strips: dy . y over the head.
template <int kHeadSize>
__device__ __forceinline__ void row_products(float (&delta)[2], const bf16* dy, const bf16* y, int64_t stride,
                                             int valid_rows) {
  const Lane lane;
  const int row = lane.group + 8 * (lane.pair & 1);
  const int64_t offset = row * stride + 8 * (lane.pair >> 1);
  float sum = 0.0f;
  if (row < valid_rows) {
#pragma unroll
    for (int k = 0; k < kHeadSize / 16; ++k) {
      const uint4 left = *reinterpret_cast<const uint4*>(dy + offset + 16 * k);
      const uint4 right = *reinterpret_cast<const uint4*>(y + offset + 16 * k);
      const uint32_t a[4] = {left.x, left.y, left.z, left.w}, b[4] = {right.x, right.y, right.z, right.w};
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        // The upper 16 bits of an f32 are the bf16 of the same value.
        sum += __uint_as_float(a[i] << 16) * __uint_as_float(b[i] << 16);
        sum += __uint_as_float(a[i] & 0xFFFF0000u) * __uint_as_float(b[i] & 0xFFFF0000u);
      }
    }
  }
  sum += __shfl_xor_sync(kWholeWarp, sum, 2);  // the other chunks of the same row
  const float other = __shfl_xor_sync(kWholeWarp, sum, 1);
  delta[0] = lane.pair & 1 ? other : sum;
  delta[1] = lane.pair & 1 ? sum : other;
}

// A row of the batch and a head, as the kernels below them have found it.
struct HeadOfRow {
  int row, first, length;  // the row: its index, first token and number of tokens
  int head;                // query head
};

template <int kHeadSize>
struct QueryStrip {
  int query;  // the first one
  uint32_t queries[1][kHeadSize / 16][4], dy[1][kHeadSize / 16][4];
  float dqueries[1][kHeadSize / 8][4] = {}, lse2[2], delta[2];  // lse2: times log2(e)

  // Writes delta too, which the keys' strips read.
  __device__ __forceinline__ void load(const AttentionBackward<bf16>& call, const HeadOfRow& at, int first) {
    const Lane lane;
    query = first;
    const HeadRows<const bf16> rows = head_rows<kHeadSize>(call.qkv, call.batch, at.first, at.head);
    const int64_t stride = static_cast<int64_t>(call.batch.heads) * kHeadSize;
    const int64_t output = output_offset<kHeadSize>(call.batch, at.first + query, at.head);
    load_fragments<kHeadSize>(queries[0], rows.queries + query * rows.stride, rows.stride, at.length - query);
    load_fragments<kHeadSize>(dy[0], call.dy + output, stride, at.length - query);
    row_products<kHeadSize>(delta, call.dy + output, call.y + output, stride, at.length - query);
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int mine = query + lane.group + 8 * half;
      const int64_t place = static_cast<int64_t>(at.head) * call.batch.tokens + at.first + mine;
      lse2[half] = mine < at.length ? call.lse[place] * kLog2E : INFINITY;  // infinity: all probabilities 0
      if (mine < at.length && lane.pair == 0) call.delta[place] = delta[half];
    }
  }

  // scores [16 x kQueryStep]: the gradients of the scores of the keys from `key` on, whose tiles these are.
  __device__ __forceinline__ void score_gradients(float (&scores)[1][kQueryStep / 8][4], const bf16* keys,
                                                  const bf16* values, int key, const AttentionBatch& batch,
                                                  const float* bias, int length, const DropoutBits& bits) {
    const Lane lane;
    float dweights[1][kQueryStep / 8][4];
    multiply_by_rows<kHeadSize>(scores, queries, keys);
    multiply_by_rows<kHeadSize>(dweights, dy, values);
    if (bias != nullptr) add_bias<RowsAre::queries>(scores, bias, query, key);
#pragma unroll
    for (int n = 0; n < kQueryStep / 8; n += 2) {
      uint32_t words[4];
      if (batch.drops) draw_for_query_rows(words, bits, query, key + 8 * n);
#pragma unroll
      for (int i = 0; i < 8; ++i) {
        float& score = scores[0][n + i / 4][i % 4];
        float dweight = dweights[0][n + i / 4][i % 4];
        const int half = i % 4 / 2, mine = key + 8 * (n + i / 4) + 2 * lane.pair + i % 2;
        const bool hidden = mine >= length || is_hidden(batch, query + lane.group + 8 * half, mine);
        const float probability =
            hidden ? 0.0f : fast_exp2(score * (batch.score_scale * kLog2E) - lse2[half]);
        if (batch.drops) dweight = kept(bits, words, i / 4, i % 4) ? dweight * batch.dropout_scale : 0.0f;
        score = probability * (dweight - delta[half]);
      }
    }
  }

  // Of the keys in `steps`, whose first is a multiple of kQueryStep; the tiles begin with key `tile_key`.
  __device__ __forceinline__ void meet_keys(const bf16* keys, const bf16* values, int tile_key,
                                            const Range& steps, const AttentionBatch& batch,
                                            const float* bias, int length, const DropoutBits& bits) {
#pragma unroll 1
    for (int step = steps.first; step < steps.last; step += kQueryStep) {
      const int offset = (step - tile_key) * kTileStride<kHeadSize>;
      float scores[1][kQueryStep / 8][4];
      score_gradients(scores, keys + offset, values + offset, step, batch, bias, length, bits);
      add_product<kHeadSize>(dqueries, scores, keys + offset);
    }
  }

  __device__ __forceinline__ void store(const AttentionBackward<bf16>& call, const HeadOfRow& at) {
    const HeadRows<bf16> gradients = head_rows<kHeadSize>(call.dqkv, call.batch, at.first, at.head);
    const float scale[2] = {call.batch.score_scale, call.batch.score_scale};
    store_rows<kHeadSize>(gradients.queries + query * gradients.stride, gradients.stride, at.length - query,
                          dqueries[0], scale);
  }
};

// Scores are transposed (rows are keys), so that they are at once the left fragments of both sums.
template <int kHeadSize>
struct KeyStrip {
  int key;  // the first one
  uint32_t keys[1][kHeadSize / 16][4], values[1][kHeadSize / 16][4];
  float dkeys[1][kHeadSize / 8][4] = {}, dvalues[1][kHeadSize / 8][4] = {};

  __device__ __forceinline__ void load(const AttentionBackward<bf16>& call, const HeadOfRow& at, int first) {
    key = first;
    const HeadRows<const bf16> rows = head_rows<kHeadSize>(call.qkv, call.batch, at.first, at.head);
    load_fragments<kHeadSize>(keys[0], rows.keys + key * rows.stride, rows.stride, at.length - key);
    load_fragments<kHeadSize>(values[0], rows.values + key * rows.stride, rows.stride, at.length - key);
  }

  // Of the queries in `steps`, whose first is a multiple of the step; the tiles and the statistics begin with
  // query `tile_query`.
  __device__ __forceinline__ void meet_queries(const bf16* queries, const bf16* dy, const float* lse2,
                                               const float* delta, int tile_query, const Range& steps,
                                               const AttentionBatch& batch, int head,
                                               const DropoutBits& bits) {
    constexpr int kStep = kKeyStep<kHeadSize>;
    const Lane lane;
#pragma unroll 1
    for (int step = steps.first; step < steps.last; step += kStep) {
      const int offset = (step - tile_query) * kTileStride<kHeadSize>;
      float scores[1][kStep / 8][4], dweights[1][kStep / 8][4];
      multiply_by_rows<kHeadSize>(scores, keys, queries + offset);
      multiply_by_rows<kHeadSize>(dweights, values, dy + offset);
      if (batch.bias != nullptr) add_bias<RowsAre::keys>(scores, head_bias(batch, head), key, step);
#pragma unroll
      for (int n = 0; n < kStep / 8; n += 2) {
        uint32_t words[4];
        if (batch.drops) draw_for_key_rows(words, bits, step + 8 * n, key);
#pragma unroll
        for (int i = 0; i < 8; ++i) {
          float& score = scores[0][n + i / 4][i % 4];
          float& dweight = dweights[0][n + i / 4][i % 4];
          const int in_tile = step - tile_query + 8 * (n + i / 4) + 2 * lane.pair + i % 2;
          const bool hidden = is_hidden(batch, tile_query + in_tile, key + lane.group + 8 * (i % 4 / 2));
          const float probability =
              hidden ? 0.0f : fast_exp2(score * (batch.score_scale * kLog2E) - lse2[in_tile]);
          const bool keeps = !batch.drops || kept(bits, words, i / 4, i % 4);
          const float dprobability = keeps ? dweight * batch.dropout_scale : 0.0f;
          score = keeps ? probability : 0.0f;
          dweight = probability * (dprobability - delta[in_tile]);
        }
      }
      add_product<kHeadSize>(dvalues, scores, dy + offset);
      add_product<kHeadSize>(dkeys, dweights, queries + offset);
    }
  }

  __device__ __forceinline__ void store(const AttentionBackward<bf16>& call, const HeadOfRow& at) {
    const HeadRows<bf16> gradients = head_rows<kHeadSize>(call.dqkv, call.batch, at.first, at.head);
    const float key_scale[2] = {call.batch.score_scale, call.batch.score_scale};
    const float value_scale[2] = {call.batch.dropout_scale, call.batch.dropout_scale};
    store_rows<kHeadSize>(gradients.keys + key * gradients.stride, gradients.stride, at.length - key,
                          dkeys[0], key_scale);
    store_rows<kHeadSize>(gradients.values + key * gradients.stride, gradients.stride, at.length - key,
                          dvalues[0], value_scale);
  }
};

}  // namespace
}  // namespace limner
