#include "profile/elastic_net.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "runtime/error.h"

namespace limner {
namespace {

constexpr int most_sweeps = 100000;
constexpr double settled_change = 1e-11;  // of a coefficient, beside the target's deviation

double soft_threshold(double value, double threshold) {
  return std::copysign(std::max(0.0, std::abs(value) - threshold), value);
}

}  // namespace

LinearModel fit_elastic_net(const Rows& features, const Vector& target, double l1, double l2) {
  const int64_t columns = features.columns();
  LinearModel model;
  model.coefficients = Vector::Zero(columns);
  model.standard_errors = Vector::Constant(columns, std::numeric_limits<double>::quiet_NaN());
  const Vector deviations = target.array() - target.mean();
  const CentredMoments moments = centred_moments(features, deviations, 1);
  const Matrix& gram = moments.gram;
  const Eigen::RowVectorXd& mean = moments.mean;
  Vector residual = moments.products;  // X' (y - X b)
  const double target_deviation = std::sqrt(deviations.squaredNorm() / static_cast<double>(target.size()));
  bool settled = false;
  for (int sweep = 0; sweep < most_sweeps && !settled; ++sweep) {
    double largest = 0;
    for (int64_t column = 0; column < columns; ++column) {
      const double curvature = gram(column, column);
      if (curvature == 0) continue;  // a constant feature
      const double old = model.coefficients[column];
      const double next = soft_threshold(residual[column] + curvature * old, l1 / 2) / (curvature + l2);
      if (next == old) continue;
      residual -= gram.col(column) * (next - old);
      model.coefficients[column] = next;
      const double scale = std::sqrt(curvature / static_cast<double>(target.size()));
      largest = std::max(largest, std::abs(next - old) * scale);
    }
    settled = largest <= settled_change * target_deviation;
  }
  if (!settled) {
    fail(ExitCode::bad_config,
         "profile.regressions: elastic_net found no minimum with l1 {} and l2 {}; set l2 above 0 or leave "
         "attributes out",
         l1, l2);
  }
  model.intercept = target.mean() - (columns > 0 ? mean.dot(model.coefficients) : 0.0);
  return model;
}

}  // namespace limner
