// How many steps a run takes and how large its batches get, before it starts.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "runtime/settings.h"
#include "train/sampler.h"
#include "train/training_data.h"

namespace limner {

// Optimizer steps of the whole run: max_steps if set, else those of num_train_epochs. An epoch's steps are
// its global batches over gradient_accumulation_steps, rounded up; of a broken epoch the share, rounded up.
int64_t count_steps(const TrainSettings& settings, const Sampler& sampler);

// The largest batches that a rank computes at once.
struct BatchLimits {
  int64_t train_tokens = 0, train_rows = 0;
  int64_t evaluation_tokens = 0, evaluation_rows = 0;
};
// A global batch is cut into shares of ranks or micro-batches that differ by one row (or pair) at most, so
// each is bounded by an even share and the longest row. What memory allows may be less: most_tokens, at least
// those of the longest row; then shares are computed in several batches.
BatchLimits batch_limits(const TrainSettings& settings, const SplitRows& train,
                         const std::vector<const SplitRows*>& evaluated, int ranks,
                         int64_t most_tokens = std::numeric_limits<int64_t>::max());

// Share of token places that padded batches of the same rows would waste.
double padding_saved(const Sampler& sampler);

}  // namespace limner
