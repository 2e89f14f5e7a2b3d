#include "profile/linear.h"

#include <cmath>
#include <limits>

#include "runtime/error.h"

namespace limner {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

Eigen::LLT<Matrix> factorise(const Matrix& matrix, double l2) {
  Eigen::LLT<Matrix> factor(matrix);
  // Without a penalty a copied column leaves a pivot that is rounding noise.
  const Vector pivots = factor.matrixLLT().diagonal();
  const double smallest = pivots.size() == 0 ? 1 : pivots.minCoeff() / pivots.maxCoeff();
  if (factor.info() != Eigen::Success || !(smallest > 1e-7)) {
    fail(ExitCode::bad_config,
         "profile.regressions: the features are collinear and l2 is {}; set l2 above 0 or leave attributes "
         "out",
         l2);
  }
  return factor;
}

// log(1 + exp(x)) without overflow.
double softplus(double x) { return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x)); }
double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

double logistic_objective(const Vector& linear, const Vector& target, const Vector& weights, double l2) {
  double loss = 0;
  for (int64_t i = 0; i < linear.size(); ++i) loss += softplus(linear[i]) - target[i] * linear[i];
  return loss + l2 / 2 * weights.tail(weights.size() - 1).squaredNorm();
}

}  // namespace

LinearModel fit_ridge(const Matrix& features, const Vector& target, double l2) {
  const int64_t count = features.rows(), columns = features.cols();
  LinearModel model;
  if (columns == 0) {
    model.intercept = target.mean();
    return model;
  }
  const Eigen::RowVectorXd mean = features.colwise().mean();
  const Matrix centred = features.rowwise() - mean;
  const double target_mean = target.mean();
  const Vector deviations = target.array() - target_mean;
  const Matrix gram = centred.transpose() * centred;
  Matrix penalised = gram;
  penalised.diagonal().array() += l2;
  const Eigen::LLT<Matrix> factor = factorise(penalised, l2);
  model.coefficients = factor.solve(centred.transpose() * deviations);
  model.intercept = target_mean - mean.dot(model.coefficients);

  const Matrix inverse = factor.solve(Matrix::Identity(columns, columns));
  const double effective = inverse.cwiseProduct(gram).sum();  // trace of the hat matrix
  const double freedom = static_cast<double>(count) - effective - 1;
  model.standard_errors = Vector::Constant(columns, nan);
  if (freedom >= 1) {
    const double variance = (deviations - centred * model.coefficients).squaredNorm() / freedom;
    model.standard_errors = (variance * (inverse * gram * inverse).diagonal()).cwiseMax(0).cwiseSqrt();
  }
  return model;
}

LinearModel fit_logistic(const Matrix& features, const Vector& target, double l2) {
  const int64_t count = features.rows(), columns = features.cols();
  const double positives = target.sum();
  if (positives <= 0 || positives >= static_cast<double>(count)) {
    fail(ExitCode::bad_data, "logistic regression on {} customers of one class only", count);
  }
  Matrix design(count, columns + 1);
  design.col(0).setOnes();
  design.rightCols(columns) = features;
  Vector penalty = Vector::Constant(columns + 1, l2);
  penalty[0] = 0;

  Vector weights = Vector::Zero(columns + 1);
  weights[0] = std::log(positives / (static_cast<double>(count) - positives));
  Vector linear = design * weights;
  double objective = logistic_objective(linear, target, weights, l2);
  Matrix information, hessian;
  constexpr int most_steps = 100;
  bool settled = false;
  for (int step = 0; step < most_steps; ++step) {
    const Vector probability = linear.unaryExpr(&sigmoid);
    const Vector variance = probability.array() * (1 - probability.array());
    information = design.transpose() * variance.asDiagonal() * design;
    hessian = information;
    hessian.diagonal() += penalty;
    if (settled) break;
    const Vector gradient = design.transpose() * (probability - target) + penalty.cwiseProduct(weights);
    const Vector direction = factorise(hessian, l2).solve(gradient);
    double scale = 1;
    Vector tried;
    double tried_objective = objective;
    for (int halving = 0; halving < 40; ++halving, scale /= 2) {
      tried = weights - scale * direction;
      linear = design * tried;
      tried_objective = logistic_objective(linear, target, tried, l2);
      if (tried_objective <= objective) break;
    }
    settled = std::abs(scale * gradient.dot(direction)) < 1e-12 * static_cast<double>(count) ||
              tried_objective >= objective;
    if (tried_objective <= objective) weights = tried;
    linear = design * weights;
    objective = std::min(objective, tried_objective);
  }
  if (!settled || !std::isfinite(objective)) {
    fail(
        ExitCode::bad_config,
        "profile.regressions: logistic regression of {} customers found no minimum with l2 {}; set l2 higher",
        count, l2);
  }
  // Without a penalty the loss of separable classes falls for ever; the last step only looks like a minimum.
  if (l2 == 0 && linear.cwiseAbs().maxCoeff() > 25) {
    fail(ExitCode::bad_config,
         "profile.regressions: the features separate the classes of {} customers and l2 is 0; set l2 above 0",
         count);
  }
  LinearModel model;
  model.intercept = weights[0];
  model.coefficients = weights.tail(columns);
  model.standard_errors = Vector::Constant(columns, nan);
  if (count > columns + 1) {
    const Matrix inverse = factorise(hessian, l2).solve(Matrix::Identity(columns + 1, columns + 1));
    const Vector variances = (inverse * information * inverse).diagonal();
    model.standard_errors = variances.tail(columns).cwiseMax(0).cwiseSqrt();
  }
  return model;
}

Vector probabilities(const LinearModel& model, const Matrix& features) {
  return model.linear(features).unaryExpr(&sigmoid);
}

Standardizer::Standardizer(const Matrix& features)
    : mean(Eigen::RowVectorXd::Zero(features.cols())), deviation(Eigen::RowVectorXd::Zero(features.cols())) {
  for (int64_t column = 0; column < features.cols(); ++column) {
    double sum = 0, count = 0, squares = 0;
    for (int64_t row = 0; row < features.rows(); ++row) {
      if (std::isnan(features(row, column))) continue;
      sum += features(row, column);
      count += 1;
    }
    if (count == 0) continue;
    mean[column] = sum / count;
    for (int64_t row = 0; row < features.rows(); ++row) {
      if (std::isnan(features(row, column))) continue;
      squares += (features(row, column) - mean[column]) * (features(row, column) - mean[column]);
    }
    const double root = std::sqrt(squares / count);
    // The mean of equal numbers may differ from them in the last bit.
    deviation[column] = root > 1e-12 * std::abs(mean[column]) ? root : 0;
  }
}

Matrix Standardizer::apply(const Matrix& features) const {
  Matrix result(features.rows(), features.cols());
  for (int64_t column = 0; column < features.cols(); ++column) {
    for (int64_t row = 0; row < features.rows(); ++row) {
      const double value = features(row, column);
      const bool flat = std::isnan(value) || deviation[column] == 0;
      result(row, column) = flat ? 0 : (value - mean[column]) / deviation[column];
    }
  }
  return result;
}

}  // namespace limner
