#include "train/metrics.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "runtime/error.h"

namespace limner {
namespace {

double ratio(int64_t part, int64_t whole) {
  return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

ClassMetrics class_metrics(int64_t right, int64_t support, int64_t predicted) {
  ClassMetrics metrics;
  metrics.support = support;
  metrics.predicted = predicted;
  metrics.precision = ratio(right, predicted);
  metrics.recall = ratio(right, support);
  metrics.f1 = ratio(2 * right, support + predicted);
  return metrics;
}

void fill_macro(HeadMetrics& metrics) {
  int64_t seen = 0;
  double precision = 0.0, recall = 0.0, f1 = 0.0;
  for (const ClassMetrics& entry : metrics.per_class) {
    if (entry.support == 0 && entry.predicted == 0) continue;
    ++seen;
    precision += entry.precision;
    recall += entry.recall;
    f1 += entry.f1;
  }
  if (seen == 0) return;
  metrics.macro_precision = precision / static_cast<double>(seen);
  metrics.macro_recall = recall / static_cast<double>(seen);
  metrics.macro_f1 = f1 / static_cast<double>(seen);
}

Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

}  // namespace

double area_under_curve(std::span<const float> scores, std::span<const uint8_t> positive) {
  require(scores.size() == positive.size(), "{} scores for {} labels", scores.size(), positive.size());
  std::vector<size_t> order(scores.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return scores[a] < scores[b]; });
  double rank_sum = 0.0;  // of the positive rows; equal scores share their mean rank
  int64_t positives = 0;
  for (size_t begin = 0; begin < order.size();) {
    size_t end = begin;
    int64_t positives_here = 0;
    for (; end < order.size() && scores[order[end]] == scores[order[begin]]; ++end) {
      positives_here += positive[order[end]] != 0 ? 1 : 0;
    }
    rank_sum += static_cast<double>(positives_here) * (static_cast<double>(begin + end) + 1.0) / 2.0;
    positives += positives_here;
    begin = end;
  }
  const int64_t negatives = static_cast<int64_t>(scores.size()) - positives;
  if (positives == 0 || negatives == 0) return undefined_metric;
  const double p = static_cast<double>(positives);
  return (rank_sum - p * (p + 1.0) / 2.0) / (p * static_cast<double>(negatives));
}

HeadMetrics single_label_metrics(std::span<const int32_t> labels, std::span<const float> probabilities,
                                 int64_t classes) {
  const size_t width = static_cast<size_t>(classes);
  require(probabilities.size() == labels.size() * width, "{} probabilities for {} labels of {} classes",
          probabilities.size(), labels.size(), classes);
  HeadMetrics metrics;
  metrics.kind = "single_label";
  metrics.confusion.assign(width, std::vector<int64_t>(width, 0));
  std::vector<float> scores;
  std::vector<uint8_t> positive;
  for (size_t row = 0; row < labels.size(); ++row) {
    if (labels[row] < 0) continue;
    const float* begin = probabilities.data() + row * width;
    const auto prediction = static_cast<size_t>(std::max_element(begin, begin + width) - begin);
    metrics.confusion[static_cast<size_t>(labels[row])][prediction]++;
    ++metrics.count;
    if (classes == 2) {
      scores.push_back(begin[1]);
      positive.push_back(labels[row] == 1 ? 1 : 0);
    }
  }
  int64_t right = 0;
  for (size_t label = 0; label < width; ++label) {
    const auto& row = metrics.confusion[label];
    int64_t predicted = 0;
    for (size_t other = 0; other < width; ++other) predicted += metrics.confusion[other][label];
    metrics.per_class.push_back(
        class_metrics(row[label], std::accumulate(row.begin(), row.end(), int64_t{0}), predicted));
    right += row[label];
  }
  if (metrics.count > 0) metrics.accuracy = ratio(right, metrics.count);
  fill_macro(metrics);
  if (classes == 2) metrics.auc = area_under_curve(scores, positive);
  return metrics;
}

HeadMetrics multi_label_metrics(std::span<const float> targets, std::span<const float> probabilities,
                                int64_t classes) {
  const size_t width = static_cast<size_t>(classes);
  require(probabilities.size() == targets.size() && width > 0 && targets.size() % width == 0,
          "{} probabilities for {} targets of {} classes", probabilities.size(), targets.size(), classes);
  HeadMetrics metrics;
  metrics.kind = "multi_label";
  std::vector<int64_t> right(width, 0), support(width, 0), predicted(width, 0);
  int64_t all_right = 0;
  for (size_t row = 0; row < targets.size() / width; ++row) {
    if (std::isnan(targets[row * width])) continue;
    ++metrics.count;
    bool exact = true;
    for (size_t c = 0; c < width; ++c) {
      const bool label = targets[row * width + c] > 0.5f;
      const bool prediction = probabilities[row * width + c] >= 0.5f;
      support[c] += label ? 1 : 0;
      predicted[c] += prediction ? 1 : 0;
      right[c] += label && prediction ? 1 : 0;
      exact = exact && label == prediction;
    }
    all_right += exact ? 1 : 0;
  }
  for (size_t c = 0; c < width; ++c) {
    metrics.per_class.push_back(class_metrics(right[c], support[c], predicted[c]));
  }
  const auto total = [](const std::vector<int64_t>& counts) {
    return std::accumulate(counts.begin(), counts.end(), int64_t{0});
  };
  if (metrics.count > 0) {
    metrics.accuracy = ratio(all_right, metrics.count);
    metrics.micro_f1 = ratio(2 * total(right), total(support) + total(predicted));
  }
  fill_macro(metrics);
  return metrics;
}

HeadMetrics regression_metrics(std::span<const float> targets, std::span<const float> predictions,
                               double training_mean) {
  require(targets.size() == predictions.size(), "{} predictions for {} targets", predictions.size(),
          targets.size());
  HeadMetrics metrics;
  metrics.kind = "regression";
  double sum = 0.0, squares = 0.0, absolute = 0.0, baseline = 0.0;
  for (size_t row = 0; row < targets.size(); ++row) {
    if (std::isnan(targets[row])) continue;
    const double target = targets[row];
    const double error = static_cast<double>(predictions[row]) - target;
    ++metrics.count;
    sum += target;
    squares += error * error;
    absolute += std::abs(error);
    baseline += (target - training_mean) * (target - training_mean);
  }
  if (metrics.count == 0) return metrics;
  const double count = static_cast<double>(metrics.count);
  double spread = 0.0;
  for (const float target : targets) {
    if (!std::isnan(target)) spread += (target - sum / count) * (target - sum / count);
  }
  metrics.rmse = std::sqrt(squares / count);
  metrics.mae = absolute / count;
  metrics.baseline_rmse = std::sqrt(baseline / count);
  if (spread > 0.0) metrics.r2 = 1.0 - squares / spread;
  return metrics;
}

std::optional<double> HeadMetrics::find(const std::string& metric) const {
  const std::array<std::pair<const char*, double>, 11> all{{{"loss", loss},
                                                            {"accuracy", accuracy},
                                                            {"macro_precision", macro_precision},
                                                            {"macro_recall", macro_recall},
                                                            {"macro_f1", macro_f1},
                                                            {"micro_f1", micro_f1},
                                                            {"auc", auc},
                                                            {"r2", r2},
                                                            {"rmse", rmse},
                                                            {"mae", mae},
                                                            {"baseline_rmse", baseline_rmse}}};
  for (const auto& [known, value] : all) {
    if (metric == known) return value;
  }
  return std::nullopt;
}

Json metrics_json(const HeadMetrics& metrics) {
  Json json{{"name", metrics.name}, {"kind", metrics.kind}};
  json["count"] = metrics.count;
  json["loss"] = number(metrics.loss);
  if (metrics.kind == "regression") {
    json["r2"] = number(metrics.r2);
    json["rmse"] = number(metrics.rmse);
    json["mae"] = number(metrics.mae);
    json["baseline_rmse"] = number(metrics.baseline_rmse);
    return json;
  }
  json["classes"] = metrics.classes;
  json["accuracy"] = number(metrics.accuracy);
  json["macro_precision"] = number(metrics.macro_precision);
  json["macro_recall"] = number(metrics.macro_recall);
  json["macro_f1"] = number(metrics.macro_f1);
  if (metrics.kind == "multi_label") json["micro_f1"] = number(metrics.micro_f1);
  if (metrics.classes.size() == 2 && metrics.kind == "single_label") json["auc"] = number(metrics.auc);
  json["per_class"] = Json::array();
  for (size_t c = 0; c < metrics.per_class.size(); ++c) {
    const ClassMetrics& entry = metrics.per_class[c];
    json["per_class"].push_back({{"class", metrics.classes[c]},
                                 {"precision", entry.precision},
                                 {"recall", entry.recall},
                                 {"f1", entry.f1},
                                 {"support", entry.support}});
  }
  if (metrics.kind == "single_label") json["confusion"] = metrics.confusion;
  return json;
}

bool larger_is_better(const std::string& metric) {
  return metric != "loss" && metric != "rmse" && metric != "mae" && metric != "baseline_rmse";
}

}  // namespace limner
