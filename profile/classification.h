// Customer targets of more than two classes: out-of-fold probabilities, scores beside a baseline,
// coefficients.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "profile/associations.h"
#include "profile/class_scores.h"
#include "profile/customer_model.h"
#include "profile/feature_sets.h"
#include "profile/intervals.h"

namespace limner {

// Does this model predict one of more than two classes? kind: logistic (then multinomial) or mlp, of a
// category with at least three values among the customers.
bool has_many_classes(const CustomerColumn& column, const RegressionSettings& settings);

struct ClassSetScores {
  std::string name;                      // see FeatureSet
  int64_t features = 0, components = 0;  // as of FeatureSetScores
  ClassScores scores;
};

// Of a feature, for one class, on standardised features; the classes' coefficients sum to 0 where l2 > 0.
struct ClassCoefficient {
  Feature feature;
  size_t of_class = 0;
  double per_deviation = 0;  // change of the class's log odds against the others' mean, per deviation
};

struct Classification {
  std::string name;
  RegressionSettings settings;
  std::vector<std::string> classes;  // those that occur, in the order of the table
  std::vector<int64_t> observed;     // a profiled customer each; -1 missing
  int64_t customers = 0, missing = 0, folds = 0;
  std::vector<ClassSetScores> sets;            // the last one is the model that all else is of
  Matrix predicted;                            // a profiled customer each, out of fold; NaN: target missing
  Matrix baseline;                             // likewise: shares of the classes among the fitting customers
  Interval accuracy, log_loss;                 // 95 % intervals of the last set's
  std::vector<ClassCoefficient> coefficients;  // logistic: largest first
  CustomerModelPointer model;                  // fitted on all customers with a target
  std::vector<Feature> features;               // its columns, before `components` of the vectors
  int64_t components = 0;
  bool head_saw_target = false;            // a head of the model was trained on this field
  int64_t held_out_customers = 0;          // without a training row
  std::optional<ClassSetScores> held_out;  // the last set's scores over them, if there are at least ten
};

// Folds as fit_regression's. How many components enter is chosen by inner folds of ridge regressions of the
// classes' indicators. Errors: fewer than two customers in a class (bad_data); see feature_sets.
Classification fit_classification(const RegressionSettings& settings, const CustomerColumn& column,
                                  const RegressionInputs& inputs, uint64_t seed, int threads);

}  // namespace limner
