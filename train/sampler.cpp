#include "train/sampler.h"

#include <algorithm>
#include <numeric>

#include "runtime/error.h"
#include "runtime/random.h"
#include "text/batcher.h"

namespace limner {

Sampler::Sampler(const SplitRows& part, const TrainSettings& settings, uint64_t seed,
                 std::vector<int32_t> classes)
    : part_(part),
      classes_(std::move(classes)),
      pairs_(settings.contrastive.weight > 0),
      max_tokens_(settings.max_tokens_per_batch),
      seed_(seed) {
  require(classes_.empty() || static_cast<int64_t>(classes_.size()) == part.count(),
          "{} classes for {} rows to balance", classes_.size(), part.count());
}

std::vector<int64_t> Sampler::balanced_rows(int64_t epoch) const {
  std::vector<std::vector<int64_t>> of_class;
  std::vector<int64_t> drawn;
  for (int64_t row = 0; row < part_.count(); ++row) {
    const int32_t label = classes_[static_cast<size_t>(row)];
    if (label < 0) {
      drawn.push_back(row);
      continue;
    }
    of_class.resize(std::max(of_class.size(), static_cast<size_t>(label) + 1));
    of_class[static_cast<size_t>(label)].push_back(row);
  }
  std::erase_if(of_class, [](const auto& rows) { return rows.empty(); });
  const int64_t labelled = part_.count() - static_cast<int64_t>(drawn.size());
  const auto classes = static_cast<int64_t>(of_class.size());
  for (int64_t i = 0; i < classes; ++i) {
    const std::vector<int64_t>& rows = of_class[static_cast<size_t>(i)];
    const auto count = static_cast<int64_t>(rows.size());
    const int64_t wanted = labelled / classes + (i < labelled % classes ? 1 : 0);
    // Whole rounds, then as many as are left in an order of the epoch's own.
    const std::vector<int64_t> order = permutation(
        count,
        Random(stable_hash("balance", seed_ + static_cast<uint64_t>(i)), static_cast<uint64_t>(epoch)));
    for (int64_t draw = 0; draw < wanted; ++draw) {
      drawn.push_back(rows[static_cast<size_t>(order[static_cast<size_t>(draw % count)])]);
    }
  }
  return drawn;
}

EpochPlan Sampler::epoch(int64_t epoch) const {
  EpochPlan plan;
  if (classes_.empty()) {
    plan.rows.resize(static_cast<size_t>(part_.count()));
    std::iota(plan.rows.begin(), plan.rows.end(), int64_t{0});
  } else {
    plan.rows = balanced_rows(epoch);
  }
  const uint64_t partner_key = stable_hash(fmt::format("partner {}", epoch), seed_);
  for (const int64_t row : plan.rows) {
    plan.lengths.push_back(part_.lengths[static_cast<size_t>(row)]);
    if (!pairs_) continue;
    plan.partners.push_back(part_.partner(row, partner_key));
    plan.lengths.back() += part_.lengths[static_cast<size_t>(plan.partners.back())];
  }
  plan.batches = epoch_batches(plan.lengths, max_tokens_, seed_, epoch);
  return plan;
}

}  // namespace limner
