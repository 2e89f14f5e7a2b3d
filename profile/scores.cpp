#include "profile/scores.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace limner {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

double log_loss_of(double observed, double probability) {
  const double clipped = std::clamp(probability, 1e-15, 1 - 1e-15);
  return observed > 0.5 ? -std::log(clipped) : -std::log1p(-clipped);
}

bool right(double observed, double probability) { return (probability >= 0.5) == (observed > 0.5); }

}  // namespace

NumberScores score_numbers(const std::vector<double>& observed, const std::vector<double>& predicted,
                           const std::vector<double>& baseline) {
  NumberScores scores;
  scores.count = std::ssize(observed);
  double squared = 0, absolute = 0, sum = 0, baseline_squared = 0, baseline_absolute = 0;
  for (size_t i = 0; i < observed.size(); ++i) {
    const double error = predicted[i] - observed[i];
    const double baseline_error = baseline[i] - observed[i];
    sum += error;
    squared += error * error;
    absolute += std::abs(error);
    baseline_squared += baseline_error * baseline_error;
    baseline_absolute += std::abs(baseline_error);
  }
  const double count = observed.empty() ? nan : static_cast<double>(observed.size());
  scores.r2 = baseline_squared > 0 ? 1 - squared / baseline_squared : nan;
  scores.rmse = std::sqrt(squared / count);
  scores.mae = absolute / count;
  scores.bias = sum / count;
  scores.baseline_rmse = std::sqrt(baseline_squared / count);
  scores.baseline_mae = baseline_absolute / count;
  return scores;
}

double area_under_curve(const std::vector<double>& observed, const std::vector<double>& predicted) {
  std::vector<size_t> order(observed.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return predicted[a] < predicted[b]; });
  double rank_sum = 0, positives = 0;
  for (size_t first = 0; first < order.size();) {
    size_t last = first;
    while (last < order.size() && predicted[order[last]] == predicted[order[first]]) ++last;
    const double rank = static_cast<double>(first + last + 1) / 2;  // mean of the tied ranks, from 1
    for (; first < last; ++first) {
      if (observed[order[first]] <= 0.5) continue;
      rank_sum += rank;
      positives += 1;
    }
  }
  const double negatives = static_cast<double>(observed.size()) - positives;
  if (positives == 0 || negatives == 0) return nan;
  return (rank_sum - positives * (positives + 1) / 2) / (positives * negatives);
}

double average_precision(const std::vector<double>& observed, const std::vector<double>& predicted) {
  std::vector<size_t> order(observed.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return predicted[a] > predicted[b]; });
  double hits = 0, sum = 0;
  for (size_t first = 0; first < order.size();) {
    size_t last = first;
    double here = 0;
    for (; last < order.size() && predicted[order[last]] == predicted[order[first]]; ++last)
      here += observed[order[last]] > 0.5 ? 1 : 0;
    hits += here;
    sum += here * hits / static_cast<double>(last);
    first = last;
  }
  return hits > 0 ? sum / hits : nan;
}

ProbabilityScores score_probabilities(const std::vector<double>& observed,
                                      const std::vector<double>& predicted,
                                      const std::vector<double>& baseline) {
  ProbabilityScores scores;
  scores.count = std::ssize(observed);
  const double weight = observed.empty() ? nan : 1 / static_cast<double>(observed.size());
  scores.positive_share = observed.empty() ? nan : 0;
  for (size_t i = 0; i < observed.size(); ++i) {
    const double error = predicted[i] - observed[i];
    const double baseline_error = baseline[i] - observed[i];
    scores.positive_share += weight * observed[i];
    scores.accuracy += right(observed[i], predicted[i]) ? weight : 0;
    scores.log_loss += weight * log_loss_of(observed[i], predicted[i]);
    scores.brier += weight * error * error;
    scores.baseline_accuracy += right(observed[i], baseline[i]) ? weight : 0;
    scores.baseline_log_loss += weight * log_loss_of(observed[i], baseline[i]);
    scores.baseline_brier += weight * baseline_error * baseline_error;
  }
  double hits = 0, alarms = 0, missed = 0;
  for (size_t i = 0; i < observed.size(); ++i) {
    if (predicted[i] >= 0.5) (observed[i] > 0.5 ? hits : alarms) += 1;
    if (predicted[i] < 0.5 && observed[i] > 0.5) missed += 1;
  }
  scores.precision = hits + alarms > 0 ? hits / (hits + alarms) : nan;
  scores.recall = hits + missed > 0 ? hits / (hits + missed) : nan;
  scores.f1 = hits + alarms + missed > 0 ? 2 * hits / (2 * hits + alarms + missed) : nan;
  scores.auc = area_under_curve(observed, predicted);
  scores.pr_auc = average_precision(observed, predicted);
  return scores;
}

}  // namespace limner
