#include "train/step_plan.h"

#include <algorithm>
#include <cmath>

#include "text/batcher.h"
#include "train/evaluation.h"

namespace limner {
namespace {

int64_t rounded_up(int64_t value, int64_t divisor) { return (value + divisor - 1) / divisor; }

}  // namespace

int64_t count_steps(const TrainSettings& settings, std::span<const int32_t> lengths, uint64_t seed) {
  if (settings.max_steps > 0) return settings.max_steps;
  int64_t steps = 0;
  for (double left = settings.num_train_epochs; left > 0.0; left -= 1.0) {
    const int64_t epoch = static_cast<int64_t>(std::llround(settings.num_train_epochs - left));
    const auto batches =
        static_cast<int64_t>(epoch_batches(lengths, settings.max_tokens_per_batch, seed, epoch).size());
    const int64_t whole = rounded_up(batches, settings.gradient_accumulation_steps);
    steps += left >= 1.0 ? whole : static_cast<int64_t>(std::ceil(left * static_cast<double>(whole)));
  }
  return steps;
}

BatchLimits batch_limits(const TrainSettings& settings, const SplitRows& train,
                         const std::vector<const SplitRows*>& evaluated, int ranks) {
  const int64_t global = std::max<int64_t>(settings.max_tokens_per_batch, train.longest);
  BatchLimits limits;
  const int64_t pieces = settings.deterministic == "across_ranks" ? settings.micro_batches : ranks;
  limits.train_tokens = std::min(global, rounded_up(global, pieces) + train.longest);
  limits.train_rows = most_rows(train.lengths, limits.train_tokens);
  std::vector<int32_t> lengths;
  int32_t longest = 0;
  for (const SplitRows* part : evaluated) {
    lengths.insert(lengths.end(), part->lengths.begin(), part->lengths.end());
    longest = std::max(longest, part->longest);
  }
  limits.evaluation_tokens = evaluation_tokens(settings.max_tokens_per_batch, longest);
  limits.evaluation_rows = most_rows(std::move(lengths), limits.evaluation_tokens);
  return limits;
}

double padding_saved(const TrainSettings& settings, std::span<const int32_t> lengths, uint64_t seed) {
  int64_t tokens = 0, places = 0;
  for (const std::vector<int64_t>& batch : epoch_batches(lengths, settings.max_tokens_per_batch, seed, 0)) {
    int64_t longest = 0;
    for (const int64_t index : batch) {
      tokens += lengths[static_cast<size_t>(index)];
      longest = std::max<int64_t>(longest, lengths[static_cast<size_t>(index)]);
    }
    places += longest * static_cast<int64_t>(batch.size());
  }
  return places == 0 ? 0.0 : 1.0 - static_cast<double>(tokens) / static_cast<double>(places);
}

}  // namespace limner
