#include "profile/calibration.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "runtime/error.h"

namespace limner {
namespace {

constexpr double closest_to_certain = 1e-6;  // a forest may say 0 or 1, which has no log odds

double log_odds(double probability) {
  const double clipped = std::clamp(probability, closest_to_certain, 1 - closest_to_certain);
  return std::log(clipped) - std::log1p(-clipped);
}

double sigmoid(double value) { return 1 / (1 + std::exp(-value)); }

// Minimises the log loss of sigmoid(slope z + offset) against `targets` within [0, 1] by Newton's method with
// step halving. A separable case runs towards an infinite slope; the steps end there.
void fit_curve(Calibration& result, const std::vector<double>& z, const std::vector<double>& targets,
               bool with_offset) {
  const auto loss_at = [&](double slope, double offset) {
    double loss = 0;
    for (size_t i = 0; i < z.size(); ++i) {
      const double value = slope * z[i] + offset;
      const double softplus = value > 0 ? value + std::log1p(std::exp(-value)) : std::log1p(std::exp(value));
      loss += softplus - targets[i] * value;
    }
    return loss;
  };
  double loss = loss_at(result.slope, result.offset);
  constexpr int most_steps = 100;
  for (int step = 0; step < most_steps; ++step) {
    double by_slope = 0, by_offset = 0, slope_slope = 1e-12, slope_offset = 0, offset_offset = 1e-12;
    for (size_t i = 0; i < z.size(); ++i) {
      const double chance = sigmoid(result.slope * z[i] + result.offset);
      const double error = chance - targets[i], weight = chance * (1 - chance);
      by_slope += error * z[i];
      by_offset += error;
      slope_slope += weight * z[i] * z[i];
      slope_offset += weight * z[i];
      offset_offset += weight;
    }
    double slope_step = by_slope / slope_slope, offset_step = 0;
    if (with_offset) {
      const double determinant = slope_slope * offset_offset - slope_offset * slope_offset;
      slope_step = (offset_offset * by_slope - slope_offset * by_offset) / determinant;
      offset_step = (slope_slope * by_offset - slope_offset * by_slope) / determinant;
    }
    double scale = 1, next = loss;
    for (int halving = 0; halving < 40; ++halving, scale /= 2) {
      next = loss_at(result.slope - scale * slope_step, result.offset - scale * offset_step);
      if (next < loss) break;
    }
    if (!(next < loss)) return;
    result.slope -= scale * slope_step;
    result.offset -= scale * offset_step;
    loss = next;
  }
}

void fit_isotonic(Calibration& result, const std::vector<double>& observed,
                  const std::vector<double>& predicted) {
  std::vector<size_t> order(observed.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return predicted[a] < predicted[b]; });
  struct Pool {
    double sum = 0, count = 0, first = 0, last = 0;  // of the observed; range of the predicted
  };
  std::vector<Pool> pools;
  for (size_t i = 0; i < order.size();) {
    Pool pool{0, 0, predicted[order[i]], predicted[order[i]]};
    for (; i < order.size() && predicted[order[i]] == pool.first; ++i) {
      pool.sum += observed[order[i]];
      pool.count += 1;
    }
    while (!pools.empty() && pools.back().sum * pool.count >= pool.sum * pools.back().count) {
      pool.sum += pools.back().sum;
      pool.count += pools.back().count;
      pool.first = pools.back().first;
      pools.pop_back();
    }
    pools.push_back(pool);
  }
  for (const Pool& pool : pools) {
    result.from.push_back(pool.first);
    result.to.push_back(pool.sum / pool.count);
    if (pool.last == pool.first) continue;
    result.from.push_back(pool.last);
    result.to.push_back(pool.sum / pool.count);
  }
}

std::vector<size_t> rising(const std::vector<double>& predicted) {
  std::vector<size_t> order(predicted.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return predicted[a] < predicted[b]; });
  return order;
}

}  // namespace

double Calibration::apply(double probability) const {
  if (method == "none") return probability;
  if (method != "isotonic") return sigmoid(slope * log_odds(probability) + offset);
  const auto above = std::upper_bound(from.begin(), from.end(), probability);
  if (above == from.begin()) return to.front();
  if (above == from.end()) return to.back();
  const auto right = static_cast<size_t>(above - from.begin()), left = right - 1;
  const double share = (probability - from[left]) / (from[right] - from[left]);
  return to[left] + share * (to[right] - to[left]);
}

std::vector<double> Calibration::apply(const std::vector<double>& probabilities) const {
  std::vector<double> result;
  result.reserve(probabilities.size());
  for (const double probability : probabilities) result.push_back(apply(probability));
  return result;
}

Calibration fit_calibration(const std::string& method, const std::vector<double>& observed,
                            const std::vector<double>& predicted) {
  Calibration result;
  result.method = method;
  if (method == "none") return result;
  if (method == "isotonic") {
    fit_isotonic(result, observed, predicted);
    return result;
  }
  std::vector<double> z;
  for (const double probability : predicted) z.push_back(log_odds(probability));
  std::vector<double> targets = observed;
  if (method == "platt") {
    const double positives = std::accumulate(observed.begin(), observed.end(), 0.0);
    const double negatives = static_cast<double>(observed.size()) - positives;
    for (double& target : targets)
      target = target > 0.5 ? (positives + 1) / (positives + 2) : 1 / (negatives + 2);
  }
  fit_curve(result, z, targets, method == "platt");
  return result;
}

std::vector<double> calibrate_out_of_fold(const std::string& method, const std::vector<double>& observed,
                                          const std::vector<double>& predicted,
                                          const std::vector<int64_t>& folds) {
  std::vector<double> result = predicted;
  const int64_t count = folds.empty() ? 0 : *std::max_element(folds.begin(), folds.end()) + 1;
  for (int64_t fold = 0; fold < count; ++fold) {
    std::vector<double> seen, told;
    for (size_t i = 0; i < folds.size(); ++i) {
      if (folds[i] == fold) continue;
      seen.push_back(observed[i]);
      told.push_back(predicted[i]);
    }
    const double positives = std::accumulate(seen.begin(), seen.end(), 0.0);
    if (positives == 0 || positives == static_cast<double>(seen.size())) continue;
    const Calibration calibration = fit_calibration(method, seen, told);
    for (size_t i = 0; i < folds.size(); ++i) {
      if (folds[i] == fold) result[i] = calibration.apply(predicted[i]);
    }
  }
  return result;
}

std::vector<ReliabilityGroup> reliability(const std::vector<double>& observed,
                                          const std::vector<double>& predicted, int64_t wanted) {
  const std::vector<size_t> order = rising(predicted);
  const size_t groups = std::min(static_cast<size_t>(wanted), order.size());
  std::vector<ReliabilityGroup> result(groups);
  for (size_t group = 0; group < groups; ++group) {
    const size_t first = group * order.size() / groups, last = (group + 1) * order.size() / groups;
    const auto size = static_cast<double>(last - first);
    for (size_t i = first; i < last; ++i) {
      result[group].predicted += predicted[order[i]] / size;
      result[group].observed += observed[order[i]] / size;
    }
    result[group].customers = static_cast<int64_t>(last - first);
  }
  return result;
}

double calibration_error(const std::vector<double>& observed, const std::vector<double>& predicted) {
  double error = 0;
  for (const ReliabilityGroup& group : reliability(observed, predicted)) {
    error += std::abs(group.predicted - group.observed) * static_cast<double>(group.customers) /
             static_cast<double>(observed.size());
  }
  return error;
}

Json to_json(const Calibration& calibration) {
  return {{"method", calibration.method},
          {"slope", calibration.slope},
          {"offset", calibration.offset},
          {"from", calibration.from},
          {"to", calibration.to}};
}

Calibration read_calibration(const Json& json) {
  return {json.at("method").get<std::string>(), json.at("slope").get<double>(),
          json.at("offset").get<double>(), json.at("from").get<std::vector<double>>(),
          json.at("to").get<std::vector<double>>()};
}

}  // namespace limner
