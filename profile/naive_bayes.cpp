// Gaussian naive Bayes for two classes: features are independent and normal within a class. A missing value
// says nothing, nor does a feature that a class never shows. Variances get 1e-9 of the largest one added, on
// standardised features, as scikit-learn's GaussianNB does.
#include <cmath>

#include "profile/customer_model.h"

namespace limner {
namespace {

constexpr double smoothing = 1e-9;

class NaiveBayes : public CustomerModel {
 public:
  NaiveBayes(Standardizer standardizer, Matrix mean, Matrix variance, Vector share)
      : standardizer_(std::move(standardizer)),
        mean_(std::move(mean)),
        variance_(std::move(variance)),
        share_(std::move(share)) {}

  Vector predict(const Matrix& features) const override {
    const Matrix standard = standardizer_.apply(features);
    Vector result(features.rows());
    for (int64_t row = 0; row < features.rows(); ++row) {
      double log_odds = std::log(share_[1]) - std::log(share_[0]);
      for (int64_t column = 0; column < features.cols(); ++column) {
        if (std::isnan(features(row, column))) continue;
        const double of_class =
            log_density(standard(row, column), 1, column) - log_density(standard(row, column), 0, column);
        if (std::isfinite(of_class)) log_odds += of_class;
      }
      result[row] = 1 / (1 + std::exp(-log_odds));
    }
    return result;
  }
  Json to_json() const override {
    return {{"kind", "naive_bayes"},
            {"class_mean", json_of(mean_)},
            {"class_variance", json_of(variance_)},
            {"class_share", json_of(share_)},
            {"mean", json_of(Vector(standardizer_.mean))},
            {"deviation", json_of(Vector(standardizer_.deviation))}};
  }

 private:
  double log_density(double value, int64_t index, int64_t column) const {
    const double variance = variance_(index, column);
    const double distance = value - mean_(index, column);
    return -(std::log(variance) + distance * distance / variance) / 2;
  }

  Standardizer standardizer_;
  Matrix mean_, variance_;  // classes x features
  Vector share_;            // of each class
};

}  // namespace

CustomerModelPointer fit_naive_bayes(const Matrix& features, const Vector& target) {
  const Standardizer standardizer(features);
  const Matrix standard = standardizer.apply(features);
  const int64_t columns = features.cols();
  Matrix sum = Matrix::Zero(2, columns), squares = sum, count = sum;
  Vector share = Vector::Zero(2);
  const auto class_of = [&](int64_t row) { return static_cast<int64_t>(target[row]); };
  for (int64_t row = 0; row < features.rows(); ++row) {
    share[class_of(row)] += 1 / static_cast<double>(features.rows());
    for (int64_t column = 0; column < columns; ++column) {
      if (std::isnan(features(row, column))) continue;
      sum(class_of(row), column) += standard(row, column);
      count(class_of(row), column) += 1;
    }
  }
  const Matrix mean = sum.cwiseQuotient(count);  // 0 / 0 is NaN: never shown
  for (int64_t row = 0; row < features.rows(); ++row) {
    for (int64_t column = 0; column < columns; ++column) {
      if (std::isnan(features(row, column))) continue;
      const double distance = standard(row, column) - mean(class_of(row), column);
      squares(class_of(row), column) += distance * distance;
    }
  }
  const Matrix variance = squares.cwiseQuotient(count).array() + smoothing;
  return std::make_unique<NaiveBayes>(standardizer, mean, variance, share);
}

CustomerModelPointer read_naive_bayes(const Json& json) {
  return std::make_unique<NaiveBayes>(
      Standardizer(vector_in(json.at("mean")), vector_in(json.at("deviation"))),
      matrix_in(json.at("class_mean")), matrix_in(json.at("class_variance")),
      vector_in(json.at("class_share")));
}

}  // namespace limner
