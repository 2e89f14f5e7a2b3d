// What the two halves of attention share: how a batch is cut into tasks and where a row's data lie.
#pragma once

#include <algorithm>

#include "kernels/backend.h"
#include "kernels/tuning.h"

namespace limner {

// One task is one row and a few neighbouring key heads with the query heads that read them, so that a task
// owns all gradients of its keys; in a long row it is one key head.
class AttentionTasks {
 public:
  AttentionTasks(const Packing& packing, const AttentionShape& shape)
      : rows_(packing.rows()), heads_(shape.key_head_count()) {
    for (int64_t row = 0; row < rows_; ++row) longest_ = std::max(longest_, length(packing, row));
    const int64_t tokens = std::max<int64_t>(longest_, 1) * shape.group();
    heads_a_task_ = std::clamp(tuning::kAttentionTokensPerTask / tokens, int64_t{1}, heads_);
    tasks_a_row_ = (heads_ + heads_a_task_ - 1) / heads_a_task_;
  }
  static int64_t length(const Packing& packing, int64_t row) {
    const size_t index = static_cast<size_t>(row);
    return packing.cu_lengths[index + 1] - packing.cu_lengths[index];
  }
  int64_t count() const { return rows_ * tasks_a_row_; }
  int64_t longest() const { return longest_; }
  int64_t most_heads() const { return heads_a_task_; }
  int64_t row(int64_t task) const { return task / tasks_a_row_; }
  int64_t first_head(int64_t task) const { return task % tasks_a_row_ * heads_a_task_; }
  int64_t last_head(int64_t task) const { return std::min(heads_, first_head(task) + heads_a_task_); }

 private:
  int64_t rows_, heads_;  // key heads
  int64_t longest_ = 0, heads_a_task_ = 1, tasks_a_row_ = 1;
};

// Keys first..last - 1 are seen by at least one of the queries query..query + queries - 1 of a row.
struct KeyRange {
  int64_t first, last;
};
inline KeyRange keys_seen(const AttentionShape& shape, int64_t query, int64_t queries, int64_t length) {
  const int64_t window = shape.window > 0 ? shape.window : length;
  const int64_t last = shape.masking == Masking::causal ? query + queries : query + queries - 1 + window;
  return {std::max<int64_t>(0, query - window + 1), std::min(length, last)};
}

// Hands out pieces of a thread's scratch; with no memory it only counts. Pieces are aligned to 64 bytes.
class ScratchPieces {
 public:
  explicit ScratchPieces(std::byte* memory) : memory_(memory) {}
  float* floats(int64_t count) { return reinterpret_cast<float*>(take(count * 4)); }
  uint16_t* bits(int64_t bytes) { return reinterpret_cast<uint16_t*>(take(bytes)); }
  int64_t bytes() const { return used_; }

 private:
  std::byte* take(int64_t bytes) {
    std::byte* piece = memory_ == nullptr ? nullptr : memory_ + used_;
    used_ += (bytes + 63) / 64 * 64;
    return piece;
  }
  std::byte* memory_;
  int64_t used_ = 0;
};

// Longest vector, in floats: what lengths in scratch are rounded up to, whatever the instruction set.
inline constexpr int64_t kWidestVector = 16;
inline int64_t whole_vectors(int64_t count) {
  return (count + kWidestVector - 1) / kWidestVector * kWidestVector;
}

// Of one head's bias in scratch: the distances of a row of `length` tokens, and room for the vector that
// begins at the last one.
inline int64_t bias_floats(int64_t length) { return whole_vectors(2 * length) + kWidestVector; }
// Where in it the bias of this query and key stands.
inline int64_t bias_place(int64_t length, int64_t query, int64_t key) { return length - 1 + key - query; }
// In a bias tensor, the first distance that a row of `length` tokens has.
inline int64_t first_distance(const Tensor& bias, int64_t length) { return (bias.dim(0) + 1) / 2 - length; }

inline int64_t whole_vectors_below(int64_t count) { return count / kWidestVector * kWidestVector; }

}  // namespace limner
