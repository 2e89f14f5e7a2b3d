// Ridge and logistic regression with a quadratic penalty, solved exactly.
#pragma once

#include <utility>

#include "profile/matrix.h"

namespace limner {

struct LinearModel {
  double intercept = 0;
  Vector coefficients;
  Vector standard_errors;  // given the penalty; NaN where the customers are too few for the features
  Vector linear(const Matrix& features) const { return (features * coefficients).array() + intercept; }
};

// Minimises sum (y - b0 - x b)^2 + l2 |b|^2. Standard errors: s^2 (X'X + l2)^-1 X'X (X'X + l2)^-1 of the
// centred X, s^2 = squared error / (customers - effective features - 1). Errors: collinear features with l2 =
// 0 (bad_config).
LinearModel fit_ridge(const Matrix& features, const Vector& target, double l2);

// Minimises sum log(1 + exp(-(2y - 1)(b0 + x b))) + l2 / 2 |b|^2, y of 0 and 1, by Newton's method
// (iteratively reweighted least squares) with step halving. Standard errors: H^-1 I H^-1 with H the penalised
// Hessian and I the one without penalty. Errors: one class only (bad_data); no finite minimum (bad_config).
LinearModel fit_logistic(const Matrix& features, const Vector& target, double l2);

Vector probabilities(const LinearModel& model, const Matrix& features);

// Columns to mean 0 and variance 1 of the customers a model is fitted on. A missing value (NaN) becomes the
// mean, 0; so does every value of a constant column.
struct Standardizer {
  Eigen::RowVectorXd mean, deviation;  // deviation 0: constant
  explicit Standardizer(const Matrix& features);
  Standardizer(Eigen::RowVectorXd means, Eigen::RowVectorXd deviations)
      : mean(std::move(means)), deviation(std::move(deviations)) {}
  Matrix apply(const Matrix& features) const;
};

}  // namespace limner
