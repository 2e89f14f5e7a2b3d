// How good predicted probabilities of several classes are.
#pragma once

#include <cstdint>
#include <vector>

#include "profile/matrix.h"

namespace limner {

// One class against all others.
struct OneClassScores {
  double precision = 0, recall = 0, f1 = 0;  // 0 where the denominator is 0, as scikit-learn
  double auc = 0, pr_auc = 0;                // NaN where nobody, or everybody, is of the class
  int64_t customers = 0, predicted = 0;      // of the class, and predicted to be
};

// The class with the largest probability is the prediction; the first on a tie.
struct ClassScores {
  int64_t count = 0;
  double accuracy = 0, log_loss = 0, brier = 0;  // brier: mean of the squared errors summed over the classes
  double macro_precision = 0, macro_recall = 0, macro_f1 = 0;  // over the classes that occur or are predicted
  double micro_precision = 0, micro_recall = 0,
         micro_f1 = 0;  // each customer has one class: all the accuracy
  double auc = 0;       // mean of the classes, those with one
  double baseline_accuracy = 0, baseline_log_loss = 0;
  std::vector<OneClassScores> per_class;
  std::vector<std::vector<int64_t>> confusion;  // [observed][predicted]
};

// observed: classes from 0; predicted and baseline: customers x classes, probabilities.
ClassScores score_classes(const std::vector<int64_t>& observed, const Matrix& predicted,
                          const Matrix& baseline);

}  // namespace limner
