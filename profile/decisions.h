// From probabilities to decisions: whom to act on, and what is gained by acting on the likeliest first.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "profile/scores.h"
#include "runtime/settings.h"

namespace limner {

// Acting on every customer whose probability is at least `threshold`. Costs are means over the customers.
struct Decision {
  double threshold = 0.5, cost = 0;  // the least cost; infinite threshold: act on nobody
  int64_t selected = 0;
  double cost_at_half = 0, cost_of_all = 0, cost_of_none = 0;
};
// The threshold among the predicted probabilities (and nobody) whose cost is least; the highest on a tie.
Decision choose_threshold(const std::vector<double>& observed, const std::vector<double>& predicted,
                          const CostSettings& costs);

// One group of customers: a decile, the first holding the highest predictions, or a segment.
struct LiftGroup {
  std::string name;
  int64_t customers = 0;
  double predicted = 0, observed = 0;  // means; of two classes: probability and share (conversion)
  double lift = 0;                     // observed / observed of all; NaN where that is 0
  double gain = 0;                     // share of all outcomes in this group and those before it
  NumberScores number;                 // where predictions fail; of the outcome's kind
  ProbabilityScores probability;
};
// Ten groups of equal size by falling prediction (fewer with fewer customers); ties keep their order.
std::vector<LiftGroup> lift_by_decile(const std::vector<double>& observed,
                                      const std::vector<double>& predicted);
// By `group` of each customer (-1: left out), in the order of `names`; empty groups are left out.
std::vector<LiftGroup> lift_by_group(const std::vector<double>& observed,
                                     const std::vector<double>& predicted,
                                     const std::vector<double>& baseline, const std::vector<int32_t>& group,
                                     const std::vector<std::string>& names, bool two_classes);

}  // namespace limner
