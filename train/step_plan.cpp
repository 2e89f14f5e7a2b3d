#include "train/step_plan.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "train/evaluation.h"

namespace limner {
namespace {

int64_t rounded_up(int64_t value, int64_t divisor) { return (value + divisor - 1) / divisor; }

}  // namespace

int64_t count_steps(const TrainSettings& settings, const Sampler& sampler) {
  if (settings.max_steps > 0) return settings.max_steps;
  int64_t steps = 0;
  for (double left = settings.num_train_epochs; left > 0.0; left -= 1.0) {
    const int64_t epoch = static_cast<int64_t>(std::llround(settings.num_train_epochs - left));
    const auto batches = static_cast<int64_t>(sampler.epoch(epoch).batches.size());
    const int64_t whole = rounded_up(batches, settings.gradient_accumulation_steps);
    steps += left >= 1.0 ? whole : static_cast<int64_t>(std::ceil(left * static_cast<double>(whole)));
  }
  return steps;
}

BatchLimits batch_limits(const TrainSettings& settings, const SplitRows& train,
                         const std::vector<const SplitRows*>& evaluated, int ranks, int64_t most_tokens) {
  const bool pairs = settings.contrastive.weight > 0;
  const int64_t longest = (pairs ? 2 : 1) * int64_t{train.longest};
  const int64_t global = std::max(settings.max_tokens_per_batch, longest);
  BatchLimits limits;
  const int64_t pieces = settings.deterministic == "across_ranks" ? settings.micro_batches : ranks;
  limits.train_tokens = std::min({global, rounded_up(global, pieces) + longest, most_tokens});
  // Where rows repeat, all of a batch may be the shortest.
  const auto rows_within = [](int64_t tokens, int32_t shortest) {
    return std::max<int64_t>(2, tokens / std::max(1, shortest));
  };
  limits.train_rows = pairs || settings.balance ? rows_within(limits.train_tokens, train.shortest)
                                                : most_rows(train.lengths, limits.train_tokens);
  std::vector<int32_t> lengths;
  int64_t longest_evaluated = 0;
  int32_t shortest = std::numeric_limits<int32_t>::max();
  for (const SplitRows* part : evaluated) {
    lengths.insert(lengths.end(), part->lengths.begin(), part->lengths.end());
    longest_evaluated = std::max<int64_t>(longest_evaluated, part->longest);
    shortest = std::min(shortest, part->shortest);
  }
  limits.evaluation_tokens = evaluation_tokens(std::min(settings.max_tokens_per_batch, most_tokens),
                                               (pairs ? 2 : 1) * longest_evaluated);
  limits.evaluation_rows = pairs ? rows_within(limits.evaluation_tokens, shortest)
                                 : most_rows(std::move(lengths), limits.evaluation_tokens);
  return limits;
}

double padding_saved(const Sampler& sampler) {
  const EpochPlan plan = sampler.epoch(0);
  int64_t tokens = 0, places = 0;
  for (const std::vector<int64_t>& batch : plan.batches) {
    int64_t longest = 0;
    for (const int64_t draw : batch) {
      tokens += plan.lengths[static_cast<size_t>(draw)];
      longest = std::max<int64_t>(longest, plan.lengths[static_cast<size_t>(draw)]);
    }
    places += longest * static_cast<int64_t>(batch.size());
  }
  return places == 0 ? 0.0 : 1.0 - static_cast<double>(tokens) / static_cast<double>(places);
}

}  // namespace limner
