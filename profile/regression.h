// Customer targets from texts and attributes: out-of-fold predictions, scores beside a baseline,
// coefficients.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "profile/associations.h"
#include "profile/calibration.h"
#include "profile/customer_model.h"
#include "profile/decisions.h"
#include "profile/feature_sets.h"
#include "profile/intervals.h"
#include "profile/scores.h"
#include "runtime/settings.h"

namespace limner {

struct Target {
  std::string name;
  std::vector<double> values;      // a profiled customer each; NaN missing; of two classes 0 or 1
  std::string negative, positive;  // names of the classes 0 and 1
  Outcome outcome = Outcome::number;
};
// What kind it is: RegressionSettings::kind tells, trees go by the column. Errors: numbers wanted of a
// category, two classes of more values (bad_config); one value only (bad_data).
Target make_target(const CustomerColumn& column, const RegressionSettings& settings);

struct Coefficient {
  Feature feature;
  double mean = 0, deviation = 0;  // of the feature
  double per_deviation = 0;        // change of the target (logistic: of its log odds) per standard deviation
  double standard_error = 0;  // of per_deviation, given the penalty; NaN: too few customers, or elastic_net
  double per_unit = 0;
};

// One set of features, scored out of fold.
struct FeatureSetScores {
  std::string name;               // see FeatureSet
  int64_t features = 0;           // attributes and predictions
  int64_t components = 0;         // of the vectors, as chosen on all customers
  NumberScores number;            // numbers
  ProbabilityScores probability;  // two classes
};

// The calibration error (ten groups), log loss and Brier score with one method, out of fold.
struct CalibrationScores {
  std::string method;
  double error = 0, log_loss = 0, brier = 0;
};

// R2 or ROC AUC lost out of fold when the feature's values are mixed among customers; components of the
// vectors go together, and so do word vectors.
struct Importance {
  Feature feature;
  double loss = 0, deviation = 0;  // over the repeats
};

struct Regression {
  std::string name;  // in files: the target, with the kind where a target has several models
  RegressionSettings settings;
  Target target;
  int64_t customers = 0, missing = 0, folds = 0;
  std::vector<FeatureSetScores> sets;  // the last one is the model whose predictions and coefficients follow
  std::vector<double> predicted, baseline;      // a profiled customer each, out of fold; NaN: target missing
  Indices fold;                                 // a profiled customer each; -1: target missing
  ScoreIntervals intervals;                     // of the last set's scores
  std::vector<Coefficient> coefficients;        // attributes and predictions; largest effect first
  std::vector<Importance> importance;           // largest first
  std::vector<Association> associations;        // in the order of the features
  std::vector<CalibrationScores> calibrations;  // two classes: none and each method
  std::vector<double> uncalibrated;             // two classes: out of fold, of customers with a target
  Calibration calibration;                      // fitted on all out-of-fold predictions
  Decision decision;                            // two classes
  CustomerModelPointer model;                   // the last set's, fitted on all customers with a target
  std::vector<Feature> features;                // its columns, before `components` of the vectors
  int64_t components = 0;
  bool head_saw_target = false;              // a head of the model was trained on this field
  int64_t held_out_customers = 0;            // without a training row
  std::optional<FeatureSetScores> held_out;  // the last set's scores over them, if there are at least ten

  // "churned", or "churned (boosting)" where the target has several models.
  std::string title() const { return name == target.name ? name : target.name + " (" + settings.kind + ")"; }
  bool two_classes() const { return target.outcome == Outcome::two_classes; }
  // What to quote: of the held-out customers where a head saw the target, else of all.
  const FeatureSetScores& honest_scores() const {
    return head_saw_target && held_out ? *held_out : sets.back();
  }
};

// k folds of customers (stratified by class). Within each fold's fitting customers, three inner folds of a
// ridge or logistic regression choose how many components enter (0, 1, 2, 4, … 128, at most a third of the
// customers); of more than 20,000 customers a seeded sample chooses, and importance is measured on at most
// 20,000. Baseline: the mean of the fitting customers. Errors: fewer than three customers with a target, or
// two of the smaller class (bad_data); see feature_sets.
Regression fit_regression(const RegressionSettings& settings, Target target, const RegressionInputs& inputs,
                          uint64_t seed, int threads);

}  // namespace limner
