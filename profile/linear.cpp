#include "profile/linear.h"

#include <cmath>
#include <limits>

#include "profile/products.h"
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

// Sums over the customers of what Newton's method and the normal equations want.
struct Moments {
  double loss = 0;
  Vector gradient;
  Matrix curvature;  // lower triangle
  Moments& operator+=(const Moments& other) {
    loss += other.loss;
    gradient += other.gradient;
    curvature += other.curvature;
    return *this;
  }
};
Moments no_moments(int64_t columns) { return {0, Vector::Zero(columns), Matrix::Zero(columns, columns)}; }
enum class Curvature { summed, left_out };

// The intercept, which comes first, has no penalty.
Matrix penalised(Matrix curvature, double l2) {
  curvature.diagonal().tail(curvature.rows() - 1).array() += l2;
  return curvature;
}

// The penalised loss at `weights`, its gradient, and the information without penalty, most of the work,
// unless it is left out.
Moments logistic_moments(const Rows& features, const Vector& target, const Vector& weights, double l2,
                         Curvature curvature, int threads) {
  const int64_t columns = features.columns();
  Moments zero = no_moments(columns + 1);
  if (curvature == Curvature::left_out) zero.curvature.resize(0, 0);
  Moments total =
      sum_row_blocks(features, zero, threads, [&](Moments& sum, int64_t first, const Matrix& block) {
        const Vector linear = (block * weights.tail(columns)).array() + weights[0];
        const auto wanted = target.segment(first, block.rows());
        const Vector probability = linear.unaryExpr(&sigmoid);
        for (int64_t i = 0; i < linear.size(); ++i) sum.loss += softplus(linear[i]) - wanted[i] * linear[i];
        const Vector excess = probability - wanted;
        sum.gradient[0] += excess.sum();
        sum.gradient.tail(columns) += block.transpose() * excess;
        if (curvature == Curvature::left_out) return;
        const Vector weight = (probability.array() * (1 - probability.array())).sqrt();
        Matrix design(block.rows(), columns + 1);
        design.col(0) = weight;
        design.rightCols(columns) = block.array().colwise() * weight.array();
        add_gram(sum.curvature, design);
      });
  mirror_lower(total.curvature);
  total.loss += l2 / 2 * weights.tail(columns).squaredNorm();
  total.gradient.tail(columns) += l2 * weights.tail(columns);
  return total;
}

struct LogisticMinimum {
  Vector weights;
  Moments moments;  // there, or a step of Newton's method before
  bool settled = false;
};

// What a step still promises to take from the loss, a customer, where it is the last one. Steps of Newton's
// method square it, so the last one is taken unseen.
constexpr double settled_gain = 1e-9, settled_gain_of_samples = 1e-4;

// Newton's method from `start`, each step halved until the loss does not rise.
LogisticMinimum newton(const Rows& features, const Vector& target, Vector start, double l2, double least_gain,
                       int threads) {
  const auto moments_at = [&](const Vector& tried) {
    return logistic_moments(features, target, tried, l2, Curvature::summed, threads);
  };
  LogisticMinimum here{std::move(start), {}, false};
  here.moments = moments_at(here.weights);
  constexpr int most_steps = 100, most_halvings = 40;
  for (int step = 0; step < most_steps && !here.settled; ++step) {
    const Vector direction =
        factorise(penalised(here.moments.curvature, l2), l2).solve(here.moments.gradient);
    if (here.moments.gradient.dot(direction) < least_gain * static_cast<double>(features.count())) {
      here.weights -= direction;
      here.settled = true;
      break;
    }
    double scale = 1;
    Moments there = moments_at(here.weights - direction);
    for (int halving = 0; halving < most_halvings && !(there.loss <= here.moments.loss); ++halving) {
      scale /= 2;
      there = moments_at(here.weights - scale * direction);
    }
    here.settled = !(there.loss < here.moments.loss);  // rounding hides what is left to gain
    if (!(there.loss <= here.moments.loss)) break;
    here.weights -= scale * direction;
    here.moments = std::move(there);
  }
  return here;
}

// Steps by a curvature that is not quite theirs, from where it was summed; passes of gradients alone. What is
// left falls by much the same share each time: the end is where less than `least_gain` will be left after the
// next step, or where the loss rises.
Vector approach(const Rows& features, const Vector& target, Vector start, const Matrix& curvature, double l2,
                double least_gain, int threads) {
  const Eigen::LLT<Matrix> factor = factorise(penalised(curvature, l2), l2);
  constexpr int most_steps = 10;
  Vector tried = start;
  double loss = std::numeric_limits<double>::infinity(), gain_before = 0;
  for (int step = 0; step < most_steps; ++step) {
    const Moments there = logistic_moments(features, target, tried, l2, Curvature::left_out, threads);
    if (!(there.loss <= loss)) break;
    start = tried;
    loss = there.loss;
    const Vector direction = factor.solve(there.gradient);
    tried -= direction;
    const double gain = there.gradient.dot(direction) / static_cast<double>(features.count());
    const double share = step == 0 ? 1 : std::min(1.0, gain / gain_before);
    if (gain * share < least_gain) return tried;
    gain_before = gain;
  }
  return start;
}

// One block of `share` of others.
class SampledRows : public Rows {
 public:
  static constexpr int64_t share = 8;
  explicit SampledRows(const Rows& rows) : rows_(rows) {}
  int64_t count() const override { return rows_.count() / (share * rows_per_read) * rows_per_read; }
  int64_t columns() const override { return rows_.columns(); }
  Matrix block(int64_t first, int64_t rows) const override { return rows_.block(first * share, rows); }

 private:
  const Rows& rows_;
};

// Where there are many customers, most of the way is gone with an eighth of them, and most of that with an
// eighth of these. From there their curvature is good enough for steps; all customers' is summed once, at the
// end. With a penalty and enough of both classes only: few customers may be separable where all are not.
LogisticMinimum minimise_logistic(const Rows& features, const Vector& target, double l2, double least_gain,
                                  int threads) {
  Vector start = Vector::Zero(features.columns() + 1);
  start[0] = std::log(target.sum() / (static_cast<double>(target.size()) - target.sum()));
  const SampledRows sample(features);
  Vector sampled(sample.count());
  for (int64_t first = 0; first < sample.count(); first += rows_per_read) {
    sampled.segment(first, rows_per_read) = target.segment(first * SampledRows::share, rows_per_read);
  }
  const double rarer = std::min(sampled.sum(), static_cast<double>(sample.count()) - sampled.sum());
  if (l2 > 0 && rarer > 10.0 * static_cast<double>(features.columns())) {
    const double part = static_cast<double>(sample.count()) / static_cast<double>(features.count());
    LogisticMinimum near = minimise_logistic(sample, sampled, l2 * part, settled_gain_of_samples, threads);
    if (near.settled) {
      start = approach(features, target, std::move(near.weights), near.moments.curvature / part, l2,
                       least_gain, threads);
    }
  }
  return newton(features, target, std::move(start), l2, least_gain, threads);
}

double largest_linear(const Rows& features, const LinearModel& model) {
  double largest = 0;
  for_row_blocks(features, 1, [&](int64_t, const Matrix& block) {
    largest = std::max(largest, model.linear(block).cwiseAbs().maxCoeff());
  });
  return largest;
}

// Squared errors of customers told from fits to all others, a penalty each: a residual is divided by what the
// customer's own leverage leaves of it. deviations: the target's from its mean.
Vector left_out_errors(const Rows& features, const Vector& deviations, const CentredMoments& moments,
                       const Vector& penalties, int threads) {
  const Eigen::SelfAdjointEigenSolver<Matrix> eigen(moments.gram);
  const Matrix axes = eigen.eigenvectors();
  Matrix shrunk(axes.cols(), penalties.size());
  for (int64_t i = 0; i < penalties.size(); ++i) {
    shrunk.col(i) = (eigen.eigenvalues().cwiseMax(0).array() + penalties[i]).inverse();
  }
  const Matrix slopes = (axes.transpose() * moments.products).asDiagonal() * shrunk;
  const double own = 1 / static_cast<double>(features.count());  // the intercept's share of a leverage
  return sum_row_blocks(features, Vector(Vector::Zero(penalties.size())), threads,
                        [&](Vector& total, int64_t first, const Matrix& block) {
                          const Matrix turned = (block.rowwise() - moments.mean) * axes;
                          const Matrix residuals =
                              (-turned * slopes).colwise() + deviations.segment(first, block.rows());
                          const Matrix left = 1 - own - (turned.cwiseAbs2() * shrunk).array();
                          total += residuals.cwiseQuotient(left.cwiseMax(1e-9)).colwise().squaredNorm();
                        });
}

double choose_penalty(const Rows& features, const Vector& deviations, const CentredMoments& moments,
                      int threads) {
  constexpr int a_decade = 3, least = -5 * a_decade, most = a_decade;
  Vector penalties(most - least + 1);
  for (int64_t i = 0; i < penalties.size(); ++i) {
    penalties[i] =
        static_cast<double>(features.count()) * std::pow(10, static_cast<double>(least + i) / a_decade);
  }
  Eigen::Index chosen = 0;
  left_out_errors(features, deviations, moments, penalties, threads).minCoeff(&chosen);
  return penalties[chosen];
}

}  // namespace

CentredMoments centred_moments(const Rows& features, const Vector& target, int threads) {
  const int64_t columns = features.columns();
  const Eigen::RowVectorXd sum = sum_row_blocks(
      features, Eigen::RowVectorXd(Eigen::RowVectorXd::Zero(columns)), threads,
      [](Eigen::RowVectorXd& total, int64_t, const Matrix& block) { total += block.colwise().sum(); });
  const Eigen::RowVectorXd mean = sum / static_cast<double>(features.count());
  Moments moments = sum_row_blocks(
      features, no_moments(columns), threads, [&](Moments& total, int64_t first, const Matrix& block) {
        const Matrix centred = block.rowwise() - mean;
        total.gradient += centred.transpose() * target.segment(first, block.rows());
        add_gram(total.curvature, centred);
      });
  mirror_lower(moments.curvature);
  return {mean, std::move(moments.curvature), std::move(moments.gradient)};
}

LinearModel fit_ridge(const Rows& features, const Vector& target, std::optional<double> l2, int threads) {
  const int64_t columns = features.columns();
  const auto count = static_cast<double>(features.count());
  LinearModel model;
  if (columns == 0) {
    model.intercept = target.mean();
    return model;
  }
  const double target_mean = target.mean();
  const Vector deviations = target.array() - target_mean;
  const CentredMoments moments = centred_moments(features, deviations, threads);
  const Matrix& gram = moments.gram;
  model.l2 = l2 ? *l2 : choose_penalty(features, deviations, moments, threads);
  Matrix penalised = gram;
  penalised.diagonal().array() += model.l2;
  const Eigen::LLT<Matrix> factor = factorise(penalised, model.l2);
  model.coefficients = factor.solve(moments.products);
  model.intercept = target_mean - moments.mean.dot(model.coefficients);

  const Matrix inverse = factor.solve(Matrix::Identity(columns, columns));
  const double effective = inverse.cwiseProduct(gram).sum();  // trace of the hat matrix
  const double freedom = count - effective - 1;
  model.standard_errors = Vector::Constant(columns, nan);
  if (freedom >= 1) {
    const double squares =
        sum_row_blocks(features, 0.0, threads, [&](double& total, int64_t first, const Matrix& block) {
          total += (target.segment(first, block.rows()) - model.linear(block)).squaredNorm();
        });
    model.standard_errors =
        (squares / freedom * (inverse * gram * inverse).diagonal()).cwiseMax(0).cwiseSqrt();
  }
  return model;
}

LinearModel fit_logistic(const Rows& features, const Vector& target, double l2, int threads) {
  const int64_t count = features.count(), columns = features.columns();
  const double positives = target.sum();
  if (positives <= 0 || positives >= static_cast<double>(count)) {
    fail(ExitCode::bad_data, "logistic regression on {} customers of one class only", count);
  }
  const LogisticMinimum minimum = minimise_logistic(features, target, l2, settled_gain, threads);
  if (!minimum.settled || !std::isfinite(minimum.moments.loss)) {
    fail(
        ExitCode::bad_config,
        "profile.regressions: logistic regression of {} customers found no minimum with l2 {}; set l2 higher",
        count, l2);
  }
  LinearModel model;
  model.intercept = minimum.weights[0];
  model.coefficients = minimum.weights.tail(columns);
  // Without a penalty the loss of separable classes falls for ever; the last step only looks like a minimum.
  if (l2 == 0 && largest_linear(features, model) > 25) {
    fail(ExitCode::bad_config,
         "profile.regressions: the features separate the classes of {} customers and l2 is 0; set l2 above 0",
         count);
  }
  model.standard_errors = Vector::Constant(columns, nan);
  if (count > columns + 1) {
    const Matrix inverse = factorise(penalised(minimum.moments.curvature, l2), l2)
                               .solve(Matrix::Identity(columns + 1, columns + 1));
    const Vector variances = (inverse * minimum.moments.curvature * inverse).diagonal();
    model.standard_errors = variances.tail(columns).cwiseMax(0).cwiseSqrt();
  }
  return model;
}

Vector probabilities(const LinearModel& model, const Matrix& features) {
  return model.linear(features).unaryExpr(&sigmoid);
}

namespace {

// Sum and number of the known values of each column.
struct KnownSums {
  Eigen::RowVectorXd sum, count;
  KnownSums& operator+=(const KnownSums& other) {
    sum += other.sum;
    count += other.count;
    return *this;
  }
};

// Of the values (centre: none) or of their squared distances to a centre.
KnownSums known_sums(const Rows& features, const Eigen::RowVectorXd* centre, int threads) {
  const Eigen::RowVectorXd zero = Eigen::RowVectorXd::Zero(features.columns());
  return sum_row_blocks(features, KnownSums{zero, zero}, threads,
                        [&](KnownSums& total, int64_t, const Matrix& block) {
                          for (int64_t row = 0; row < block.rows(); ++row) {
                            for (int64_t column = 0; column < block.cols(); ++column) {
                              double value = block(row, column);
                              if (std::isnan(value)) continue;
                              if (centre) value = (value - (*centre)[column]) * (value - (*centre)[column]);
                              total.sum[column] += value;
                              total.count[column] += 1;
                            }
                          }
                        });
}

}  // namespace

Standardizer::Standardizer(const Rows& features, int threads)
    : mean(Eigen::RowVectorXd::Zero(features.columns())),
      deviation(Eigen::RowVectorXd::Zero(features.columns())) {
  const KnownSums sums = known_sums(features, nullptr, threads);
  for (int64_t column = 0; column < mean.size(); ++column) {
    if (sums.count[column] > 0) mean[column] = sums.sum[column] / sums.count[column];
  }
  const KnownSums squares = known_sums(features, &mean, threads);
  for (int64_t column = 0; column < mean.size(); ++column) {
    if (squares.count[column] == 0) continue;
    const double root = std::sqrt(squares.sum[column] / squares.count[column]);
    // The mean of equal numbers may differ from them in the last bit.
    deviation[column] = root > 1e-12 * std::abs(mean[column]) ? root : 0;
  }
}

Matrix Standardizer::apply(const Matrix& features) const {
  Matrix result(features.rows(), features.cols());
  for (int64_t row = 0; row < features.rows(); ++row) {
    for (int64_t column = 0; column < features.cols(); ++column) {
      const double value = features(row, column);
      const bool flat = std::isnan(value) || deviation[column] == 0;
      result(row, column) = flat ? 0 : (value - mean[column]) / deviation[column];
    }
  }
  return result;
}

}  // namespace limner
