#include "profile/associations.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

namespace limner {
namespace {

constexpr size_t most_groups = 10;

std::vector<size_t> rising(const std::vector<double>& values) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return values[a] < values[b]; });
  return order;
}

std::vector<size_t> groups_of(const std::vector<double>& values) {
  const std::vector<size_t> order = rising(values);
  std::vector<size_t> starts(values.size()), distinct(values.size());  // of the run of equal values
  size_t runs = 0;
  for (size_t first = 0; first < order.size(); ++runs) {
    size_t last = first;
    for (; last < order.size() && values[order[last]] == values[order[first]]; ++last) {
      starts[order[last]] = first;
      distinct[order[last]] = runs;
    }
    first = last;
  }
  if (runs <= most_groups) return distinct;
  for (size_t& start : starts) start = start * most_groups / values.size();
  return starts;
}

}  // namespace

double pearson_correlation(const std::vector<double>& left, const std::vector<double>& right) {
  const auto count = static_cast<double>(left.size());
  const double left_mean = std::accumulate(left.begin(), left.end(), 0.0) / count;
  const double right_mean = std::accumulate(right.begin(), right.end(), 0.0) / count;
  double products = 0, left_squares = 0, right_squares = 0;
  for (size_t i = 0; i < left.size(); ++i) {
    const double a = left[i] - left_mean, b = right[i] - right_mean;
    products += a * b;
    left_squares += a * a;
    right_squares += b * b;
  }
  const double scale = std::sqrt(left_squares) * std::sqrt(right_squares);
  return scale > 0 ? std::clamp(products / scale, -1.0, 1.0) : std::numeric_limits<double>::quiet_NaN();
}

std::vector<double> mean_ranks(const std::vector<double>& values) {
  const std::vector<size_t> order = rising(values);
  std::vector<double> ranks(values.size());
  for (size_t first = 0; first < order.size();) {
    size_t last = first;
    while (last < order.size() && values[order[last]] == values[order[first]]) ++last;
    const double rank = static_cast<double>(first + last + 1) / 2;
    for (; first < last; ++first) ranks[order[first]] = rank;
  }
  return ranks;
}

double mutual_information(const std::vector<double>& left, const std::vector<double>& right) {
  const std::vector<size_t> a = groups_of(left), b = groups_of(right);
  std::map<std::pair<size_t, size_t>, double> both;
  std::map<size_t, double> of_a, of_b;
  const double weight = 1 / static_cast<double>(left.size());
  for (size_t i = 0; i < a.size(); ++i) {
    both[{a[i], b[i]}] += weight;
    of_a[a[i]] += weight;
    of_b[b[i]] += weight;
  }
  double information = 0;
  for (const auto& [pair, share] : both)
    information += share * std::log(share / (of_a[pair.first] * of_b[pair.second]));
  return std::max(0.0, information);
}

std::vector<Association> associate(const FeatureTable& features, const Vector& target) {
  std::vector<Association> result;
  for (size_t column = 0; column < features.features.size(); ++column) {
    if (features.features[column].one_of_many()) continue;
    std::vector<double> values, targets;
    for (int64_t row = 0; row < target.size(); ++row) {
      const double value = features.values(row, static_cast<int64_t>(column));
      if (std::isnan(value) || std::isnan(target[row])) continue;
      values.push_back(value);
      targets.push_back(target[row]);
    }
    Association& entry = result.emplace_back();
    entry.feature = features.features[column];
    entry.customers = std::ssize(values);
    entry.pearson = pearson_correlation(values, targets);
    entry.spearman = pearson_correlation(mean_ranks(values), mean_ranks(targets));
    entry.mutual_information = mutual_information(values, targets);
  }
  return result;
}

}  // namespace limner
