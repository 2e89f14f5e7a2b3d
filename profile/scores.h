// How good predictions are.
#pragma once

#include <cstdint>
#include <vector>

namespace limner {

// All vectors of one length; baseline: what one would predict knowing only the mean of the fitting customers.
struct NumberScores {
  int64_t count = 0;
  double r2 = 0;  // 1 - squared error / squared error of the baseline; NaN when the baseline has no error
  double rmse = 0, mae = 0, bias = 0;  // bias: mean of predicted - observed
  double baseline_rmse = 0, baseline_mae = 0;
};
NumberScores score_numbers(const std::vector<double>& observed, const std::vector<double>& predicted,
                           const std::vector<double>& baseline);

// observed: 0 or 1; predicted and baseline: probabilities of 1.
struct ProbabilityScores {
  int64_t count = 0;
  double positive_share = 0;
  double accuracy = 0, auc = 0, log_loss = 0, brier = 0;  // accuracy at 0.5; auc NaN with one class
  double precision = 0, recall = 0, f1 = 0;               // at 0.5; NaN without such customers
  double pr_auc = 0;                                      // average precision; NaN without positives
  double baseline_accuracy = 0, baseline_log_loss = 0, baseline_brier = 0;
};
ProbabilityScores score_probabilities(const std::vector<double>& observed,
                                      const std::vector<double>& predicted,
                                      const std::vector<double>& baseline);

// Area under the ROC curve: the share of (positive, negative) pairs in the right order, ties half.
double area_under_curve(const std::vector<double>& observed, const std::vector<double>& predicted);

// Area under the precision-recall curve as average precision: the sum over falling thresholds of precision
// times the recall gained.
double average_precision(const std::vector<double>& observed, const std::vector<double>& predicted);

}  // namespace limner
