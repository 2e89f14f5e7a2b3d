// How sure the scores are: 95 % intervals by the bootstrap over customers (Efron 1979, percentiles).
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

namespace limner {

struct Interval {
  double low = std::numeric_limits<double>::quiet_NaN(), high = low;
};

struct ScoreIntervals {
  Interval r2, rmse, mae;         // numbers
  Interval auc, accuracy, brier;  // probabilities
};

// Each resample draws as many customers as there are, with replacement; draws are keyed by resample and
// customer. 1,000 resamples up to 20,000 customers, fewer beyond, at least 200. Arguments as score_numbers
// and score_probabilities.
ScoreIntervals bootstrap_numbers(const std::vector<double>& observed, const std::vector<double>& predicted,
                                 const std::vector<double>& baseline, uint64_t seed, int threads);
ScoreIntervals bootstrap_probabilities(const std::vector<double>& observed,
                                       const std::vector<double>& predicted, uint64_t seed, int threads);

// Of the mean of one value a customer.
Interval bootstrap_mean(const std::vector<double>& values, uint64_t seed, int threads);

}  // namespace limner
