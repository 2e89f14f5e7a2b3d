// Ridge and logistic regression with a quadratic penalty, solved exactly. Features are read block by block,
// in as many passes as the method needs; sums are those of sum_row_blocks, the same for any number of
// threads.
#pragma once

#include <optional>
#include <utility>

#include "profile/rows.h"

namespace limner {

struct LinearModel {
  double intercept = 0;
  Vector coefficients;
  Vector standard_errors;  // given the penalty; NaN where the customers are too few for the features
  double l2 = 0;           // the penalty
  Vector linear(const Matrix& features) const { return (features * coefficients).array() + intercept; }
};

// What the normal equations are made of: X'X and X'y of the columns less their means.
struct CentredMoments {
  Eigen::RowVectorXd mean;  // of the columns
  Matrix gram;
  Vector products;
};
CentredMoments centred_moments(const Rows& features, const Vector& target, int threads);

// Minimises sum (y - b0 - x b)^2 + l2 |b|^2. Standard errors: s^2 (X'X + l2)^-1 X'X (X'X + l2)^-1 of the
// centred X, s^2 = squared error / (customers - effective features - 1). Errors: collinear features with l2 =
// 0 (bad_config).
// l2 absent: of penalties from 1/100,000 of the customers to ten times them, three a decade, the one with the
// least squared error when each customer is told from a fit to all others (PRESS: D. M. Allen, "The
// relationship between variable selection and data augmentation and a method for prediction", 1974).
LinearModel fit_ridge(const Rows& features, const Vector& target, std::optional<double> l2, int threads = 1);

// Minimises sum log(1 + exp(-(2y - 1)(b0 + x b))) + l2 / 2 |b|^2, y of 0 and 1, by Newton's method
// (iteratively reweighted least squares) with step halving; of many customers it begins near the minimum of a
// sample, where about five passes are left, one of which sums the Hessian. Standard errors: H^-1 I H^-1 with
// H the penalised Hessian and I the one without penalty. Errors: one class only (bad_data); no finite minimum
// (bad_config).
LinearModel fit_logistic(const Rows& features, const Vector& target, double l2, int threads = 1);

Vector probabilities(const LinearModel& model, const Matrix& features);

// Columns to mean 0 and variance 1 of the customers a model is fitted on. A missing value (NaN) becomes the
// mean, 0; so does every value of a constant column.
struct Standardizer {
  Eigen::RowVectorXd mean, deviation;  // deviation 0: constant
  explicit Standardizer(const Rows& features, int threads = 1);
  Standardizer(Eigen::RowVectorXd means, Eigen::RowVectorXd deviations)
      : mean(std::move(means)), deviation(std::move(deviations)) {}
  Matrix apply(const Matrix& features) const;
};

// Other rows, standardised as they are read.
class StandardRows : public Rows {
 public:
  StandardRows(const Rows& rows, const Standardizer& standardizer)
      : rows_(rows), standardizer_(standardizer) {}
  int64_t count() const override { return rows_.count(); }
  int64_t columns() const override { return rows_.columns(); }
  Matrix block(int64_t first, int64_t rows) const override {
    return standardizer_.apply(rows_.block(first, rows));
  }

 private:
  const Rows& rows_;
  const Standardizer& standardizer_;
};

}  // namespace limner
