// Do the models serve groups of customers alike?
#pragma once

#include <string>
#include <vector>

#include "profile/columns.h"
#include "profile/regression.h"

namespace limner {

struct GroupScores {
  std::string group;
  int64_t customers = 0;               // with a target
  double observed = 0, predicted = 0;  // means; logistic: shares of the positive class
  NumberScores number;                 // ridge
  ProbabilityScores probability;       // logistic
  // logistic, at a threshold of 0.5; NaN without such customers
  double selected = 0;  // share predicted positive
  double true_positive_rate = 0, false_positive_rate = 0;
};

// The largest difference between two groups that are large enough.
struct Gap {
  std::string
      measure;  // "mean outcome", "mean prediction", "bias", "RMSE" | "accuracy", "AUC", "share selected", …
  double value = 0;  // NaN: fewer than two groups have the measure
  std::string lowest, highest;
};

struct GroupComparison {
  std::string field, target, kind;
  std::vector<GroupScores> groups;  // largest first; customers without a group are "missing"
  std::vector<Gap> gaps;
  bool two_classes = false;
  int64_t least_customers = 0;  // smaller groups are listed but not compared
};

// Out-of-fold predictions of one regression, by the groups of one category field. Errors: not a category
// (bad_config).
GroupComparison compare_groups(const CustomerColumn& groups, const Regression& regression);

}  // namespace limner
