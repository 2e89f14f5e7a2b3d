// Which rows an epoch draws, with whom, and in which batches: a function of settings, seed and epoch, the
// same for any number of ranks.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/settings.h"
#include "train/training_data.h"

namespace limner {

struct EpochPlan {
  std::vector<int64_t> rows;                  // indices into the part, one a draw
  std::vector<int64_t> partners;              // likewise, one a draw; empty without pairs
  std::vector<int32_t> lengths;               // tokens of each draw, its partner's among them
  std::vector<std::vector<int64_t>> batches;  // of draws
};

class Sampler {
 public:
  // classes: with train.balance, the class of each row of the part, -1 missing; else empty. An epoch has as
  // many draws as the part has rows: without classes each row once; with them every class that occurs equally
  // often (but for one), its rows as equally as that allows, and rows without a class once. A row drawn twice
  // into one batch meets the same dropout twice.
  Sampler(const SplitRows& part, const TrainSettings& settings, uint64_t seed,
          std::vector<int32_t> classes = {});
  EpochPlan epoch(int64_t epoch) const;

 private:
  const SplitRows& part_;
  std::vector<int32_t> classes_;
  bool pairs_;
  int64_t max_tokens_;
  uint64_t seed_;

  std::vector<int64_t> balanced_rows(int64_t epoch) const;
};

}  // namespace limner
