#include "profile/intervals.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "runtime/parallel.h"
#include "runtime/random.h"

namespace limner {
namespace {

constexpr int64_t most_resamples = 1000, least_resamples = 200, most_draws = 20'000'000;

// How often each customer stands in one resample.
std::vector<double> draw_counts(size_t customers, uint64_t seed, int64_t resample) {
  const Random random(seed, "profile/bootstrap", static_cast<uint64_t>(resample));
  std::vector<double> counts(customers);
  for (uint64_t i = 0; i < customers; ++i) counts[random.below(i, customers)] += 1;
  return counts;
}

// The 2.5 and 97.5 percentiles, linear between neighbours; values that are not finite do not count.
Interval percentiles(std::vector<double> values) {
  std::erase_if(values, [](double value) { return !std::isfinite(value); });
  if (values.size() < 2) return {};
  std::sort(values.begin(), values.end());
  const auto at = [&](double share) {
    const double place = share * static_cast<double>(values.size() - 1);
    const auto left = static_cast<size_t>(place);
    const size_t right = std::min(left + 1, values.size() - 1);
    return values[left] + (place - std::floor(place)) * (values[right] - values[left]);
  };
  return {at(0.025), at(0.975)};
}

// One interval for each score that `score` gives back.
std::vector<Interval> bootstrap(size_t customers, size_t scores, uint64_t seed, int threads,
                                const std::function<std::vector<double>(const std::vector<double>&)>& score) {
  const int64_t resamples = std::clamp(most_draws / std::max<int64_t>(1, static_cast<int64_t>(customers)),
                                       least_resamples, most_resamples);
  std::vector<std::vector<double>> values(scores, std::vector<double>(static_cast<size_t>(resamples)));
  parallel_for(resamples, threads, [&](int64_t resample) {
    const std::vector<double> of_resample = score(draw_counts(customers, seed, resample));
    for (size_t i = 0; i < scores; ++i) values[i][static_cast<size_t>(resample)] = of_resample[i];
  });
  std::vector<Interval> intervals;
  for (std::vector<double>& of_score : values) intervals.push_back(percentiles(std::move(of_score)));
  return intervals;
}

}  // namespace

ScoreIntervals bootstrap_numbers(const std::vector<double>& observed, const std::vector<double>& predicted,
                                 const std::vector<double>& baseline, uint64_t seed, int threads) {
  const std::vector<Interval> found =
      bootstrap(observed.size(), 3, seed, threads, [&](const std::vector<double>& counts) {
        double squares = 0, absolute = 0, of_baseline = 0;
        for (size_t i = 0; i < counts.size(); ++i) {
          const double error = predicted[i] - observed[i], other = baseline[i] - observed[i];
          squares += counts[i] * error * error;
          absolute += counts[i] * std::abs(error);
          of_baseline += counts[i] * other * other;
        }
        const auto count = static_cast<double>(counts.size());
        return std::vector<double>{1 - squares / of_baseline, std::sqrt(squares / count), absolute / count};
      });
  ScoreIntervals intervals;
  intervals.r2 = found[0];
  intervals.rmse = found[1];
  intervals.mae = found[2];
  return intervals;
}

ScoreIntervals bootstrap_probabilities(const std::vector<double>& observed,
                                       const std::vector<double>& predicted, uint64_t seed, int threads) {
  std::vector<size_t> order(observed.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return predicted[a] < predicted[b]; });
  const std::vector<Interval> found =
      bootstrap(observed.size(), 3, seed, threads, [&](const std::vector<double>& counts) {
        double right = 0, squares = 0, pairs = 0, below = 0, positives = 0;
        for (size_t first = 0; first < order.size();) {
          double here_positive = 0, here_negative = 0;
          size_t last = first;
          for (; last < order.size() && predicted[order[last]] == predicted[order[first]]; ++last) {
            const size_t i = order[last];
            const bool positive = observed[i] > 0.5;
            (positive ? here_positive : here_negative) += counts[i];
            right += (predicted[i] >= 0.5) == positive ? counts[i] : 0;
            squares += counts[i] * (predicted[i] - observed[i]) * (predicted[i] - observed[i]);
          }
          pairs += here_positive * (below + here_negative / 2);
          below += here_negative;
          positives += here_positive;
          first = last;
        }
        const auto count = static_cast<double>(counts.size());
        return std::vector<double>{pairs / (positives * below), right / count, squares / count};
      });
  ScoreIntervals intervals;
  intervals.auc = found[0];
  intervals.accuracy = found[1];
  intervals.brier = found[2];
  return intervals;
}

Interval bootstrap_mean(const std::vector<double>& values, uint64_t seed, int threads) {
  return bootstrap(values.size(), 1, seed, threads, [&](const std::vector<double>& counts) {
    double sum = 0;
    for (size_t i = 0; i < counts.size(); ++i) sum += counts[i] * values[i];
    return std::vector<double>{sum / static_cast<double>(counts.size())};
  })[0];
}

}  // namespace limner
