// Customer targets from texts and attributes: out-of-fold predictions, scores beside a baseline,
// coefficients.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "profile/features.h"
#include "profile/scores.h"
#include "runtime/settings.h"

namespace limner {

struct Target {
  std::string name;
  std::vector<double> values;      // a profiled customer each; NaN missing; logistic: 0 or 1
  std::string negative, positive;  // logistic: names of 0 and 1
};
// Errors: ridge on a category, logistic on more than two values (bad_config); one value only (bad_data).
Target make_target(const CustomerColumn& column, const RegressionSettings& settings);

struct Coefficient {
  Feature feature;
  double mean = 0, deviation = 0;  // of the feature
  double per_deviation = 0;        // change of the target (logistic: of its log odds) per standard deviation
  double standard_error = 0;       // of per_deviation, given the penalty; NaN: too few customers
  double per_unit = 0;
};

// One set of features, scored out of fold.
struct FeatureSetScores {
  std::string name;               // "attributes", "texts", "attributes and texts"
  int64_t features = 0;           // attributes and predictions
  int64_t components = 0;         // of the vectors, as chosen on all customers
  NumberScores number;            // ridge
  ProbabilityScores probability;  // logistic
};

struct Regression {
  RegressionSettings settings;
  Target target;
  int64_t customers = 0, missing = 0, folds = 0;
  std::vector<FeatureSetScores> sets;  // the last one is the model whose predictions and coefficients follow
  std::vector<double> predicted, baseline;   // a profiled customer each, out of fold; NaN: target missing
  std::vector<Coefficient> coefficients;     // attributes and predictions; largest effect first
  bool head_saw_target = false;              // a head of the model was trained on this field
  int64_t held_out_customers = 0;            // without a training row
  std::optional<FeatureSetScores> held_out;  // the last set's scores over them, if there are at least ten

  bool logistic() const { return settings.kind == "logistic"; }
  // What to quote: of the held-out customers where a head saw the target, else of all.
  const FeatureSetScores& honest_scores() const {
    return head_saw_target && held_out ? *held_out : sets.back();
  }
};

struct RegressionInputs {
  FeatureTable attributes, predictions;
  Matrix components;                    // scores of the vectors' principal components, best first
  std::vector<int64_t> training_texts;  // per customer
};

// k folds of customers (stratified by class for logistic). Within each fold's fitting customers, three inner
// folds choose how many components enter (0, 1, 2, 4, … 128, at most a third of the customers); features are
// standardised on the fitting customers. Baseline: the mean of the fitting customers. Errors: fewer than
// three customers with a target, or two of the smaller class (bad_data).
Regression fit_regression(const RegressionSettings& settings, Target target, const RegressionInputs& inputs,
                          uint64_t seed, int threads);

// The fold of each entry, 0..folds-1: a seeded shuffle dealt in turn; with classes (0 or 1), class by class.
std::vector<int64_t> deal_folds(const std::vector<double>& target, bool by_class, int64_t folds,
                                uint64_t seed, const std::string& purpose);

}  // namespace limner
