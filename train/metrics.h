// How well predictions fit labels. Each row counts once; rows without a label are left out by the caller.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/files.h"

namespace limner {

constexpr double undefined_metric = std::numeric_limits<double>::quiet_NaN();

struct ClassMetrics {
  double precision = 0.0, recall = 0.0, f1 = 0.0;  // 0 where the denominator is 0, as scikit-learn
  int64_t support = 0;                             // rows with this label
  int64_t predicted = 0;                           // rows with this prediction
};

// Metrics that a head's kind does not have are undefined_metric, or empty.
struct HeadMetrics {
  std::string name, kind;
  std::vector<std::string> classes;
  int64_t count = 0;  // rows with a label
  double loss = undefined_metric;
  // single_label: share of rows with the right class. multi_label: share of rows with all classes right.
  double accuracy = undefined_metric;
  // Means over the classes that occur in labels or predictions.
  double macro_precision = undefined_metric, macro_recall = undefined_metric, macro_f1 = undefined_metric;
  double micro_f1 = undefined_metric;  // multi_label
  double auc = undefined_metric;       // two classes, both present: the second one against the first
  std::vector<ClassMetrics> per_class;
  std::vector<std::vector<int64_t>> confusion;  // single_label: [label][prediction]
  // regression, in the target's unit. r2 is against the mean of these rows; the baseline predicts the mean of
  // the training rows.
  double r2 = undefined_metric, rmse = undefined_metric, mae = undefined_metric;
  double baseline_rmse = undefined_metric;

  // By the name used in files and in metric_for_best_model; nothing: there is no such metric.
  std::optional<double> find(const std::string& metric) const;
};

// probabilities [rows, classes]; the first of equal largest ones is the prediction. Label -1: left out.
HeadMetrics single_label_metrics(std::span<const int32_t> labels, std::span<const float> probabilities,
                                 int64_t classes);
// targets [rows, classes] of 0 and 1, NaN: left out; a class is predicted from a probability of 0.5.
HeadMetrics multi_label_metrics(std::span<const float> targets, std::span<const float> probabilities,
                                int64_t classes);
// targets [rows], NaN: left out.
HeadMetrics regression_metrics(std::span<const float> targets, std::span<const float> predictions,
                               double training_mean);

// Probability that a positive row scores higher than a negative one, ties counting half: exact, by ranks.
// Undefined when one side is empty.
double area_under_curve(std::span<const float> scores, std::span<const uint8_t> positive);

// One entry of summary.json; undefined metrics of the kind become null.
Json metrics_json(const HeadMetrics& metrics);

bool larger_is_better(const std::string& metric);

}  // namespace limner
