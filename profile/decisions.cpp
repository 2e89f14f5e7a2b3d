#include "profile/decisions.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace limner {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

std::vector<size_t> falling(const std::vector<double>& predicted) {
  std::vector<size_t> order(predicted.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return predicted[a] > predicted[b]; });
  return order;
}

double total(const std::vector<double>& values) { return std::accumulate(values.begin(), values.end(), 0.0); }

}  // namespace

Decision choose_threshold(const std::vector<double>& observed, const std::vector<double>& predicted,
                          const CostSettings& costs) {
  const std::vector<size_t> order = falling(predicted);
  const auto count = static_cast<double>(observed.size());
  const double positives = total(observed);
  const auto cost_of = [&](double hits, double alarms) {
    return (hits * costs.true_positive + alarms * costs.false_positive +
            (positives - hits) * costs.false_negative + (count - positives - alarms) * costs.true_negative) /
           count;
  };
  Decision result;
  result.cost_of_none = cost_of(0, 0);
  result.cost_of_all = cost_of(positives, count - positives);
  result.cost_at_half = result.cost_of_none;
  result.threshold = std::numeric_limits<double>::infinity();
  result.cost = result.cost_of_none;
  double hits = 0, alarms = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    (observed[order[i]] > 0.5 ? hits : alarms) += 1;
    const double threshold = predicted[order[i]];
    if (i + 1 < order.size() && predicted[order[i + 1]] == threshold) continue;
    const double cost = cost_of(hits, alarms);
    if (threshold >= 0.5) result.cost_at_half = cost;
    if (cost >= result.cost) continue;
    result.cost = cost;
    result.threshold = threshold;
    result.selected = static_cast<int64_t>(i) + 1;
  }
  return result;
}

std::vector<LiftGroup> lift_by_decile(const std::vector<double>& observed,
                                      const std::vector<double>& predicted) {
  const std::vector<size_t> order = falling(predicted);
  const double all = total(observed), mean = all / static_cast<double>(observed.size());
  const size_t groups = std::min<size_t>(10, order.size());
  std::vector<LiftGroup> result(groups);
  double found = 0;
  for (size_t group = 0; group < groups; ++group) {
    LiftGroup& entry = result[group];
    const size_t first = group * order.size() / groups, last = (group + 1) * order.size() / groups;
    double sum = 0, told = 0;
    for (size_t i = first; i < last; ++i) {
      sum += observed[order[i]];
      told += predicted[order[i]];
    }
    found += sum;
    entry.name = std::to_string(group + 1);
    entry.customers = static_cast<int64_t>(last - first);
    entry.predicted = told / static_cast<double>(entry.customers);
    entry.observed = sum / static_cast<double>(entry.customers);
    entry.lift = mean != 0 ? entry.observed / mean : nan;
    entry.gain = all != 0 ? found / all : nan;
  }
  return result;
}

std::vector<LiftGroup> lift_by_group(const std::vector<double>& observed,
                                     const std::vector<double>& predicted,
                                     const std::vector<double>& baseline, const std::vector<int32_t>& group,
                                     const std::vector<std::string>& names, bool two_classes) {
  const double all = total(observed), mean = all / static_cast<double>(observed.size());
  std::vector<LiftGroup> result;
  double found = 0;
  for (size_t index = 0; index < names.size(); ++index) {
    std::vector<double> seen, told, guessed;
    for (size_t i = 0; i < observed.size(); ++i) {
      if (group[i] != static_cast<int32_t>(index)) continue;
      seen.push_back(observed[i]);
      told.push_back(predicted[i]);
      guessed.push_back(baseline[i]);
    }
    if (seen.empty()) continue;
    LiftGroup& entry = result.emplace_back();
    found += total(seen);
    entry.name = names[index];
    entry.customers = std::ssize(seen);
    entry.predicted = total(told) / static_cast<double>(seen.size());
    entry.observed = total(seen) / static_cast<double>(seen.size());
    entry.lift = mean != 0 ? entry.observed / mean : nan;
    entry.gain = all != 0 ? found / all : nan;
    if (two_classes) {
      entry.probability = score_probabilities(seen, told, guessed);
    } else {
      entry.number = score_numbers(seen, told, guessed);
    }
  }
  return result;
}

}  // namespace limner
