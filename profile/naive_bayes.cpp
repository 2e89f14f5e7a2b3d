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

CustomerModelPointer fit_naive_bayes(const Rows& features, const Vector& target) {
  const Standardizer standardizer(features);
  const StandardRows standard(features, standardizer);
  const int64_t columns = features.columns();
  Matrix sum = Matrix::Zero(2, columns), squares = sum, count = sum;
  Vector share = Vector::Zero(2);
  // visit(class, column, value) for every value that is known.
  const auto for_known = [&](const auto& visit) {
    for (int64_t first = 0; first < features.count(); first += rows_per_read) {
      const int64_t rows = std::min(rows_per_read, features.count() - first);
      const Matrix raw = features.block(first, rows), scaled = standard.block(first, rows);
      for (int64_t row = 0; row < rows; ++row) {
        for (int64_t column = 0; column < columns; ++column) {
          if (!std::isnan(raw(row, column)))
            visit(static_cast<int64_t>(target[first + row]), column, scaled(row, column));
        }
      }
    }
  };
  for (int64_t row = 0; row < target.size(); ++row)
    share[static_cast<int64_t>(target[row])] += 1 / static_cast<double>(target.size());
  for_known([&](int64_t of_class, int64_t column, double value) {
    sum(of_class, column) += value;
    count(of_class, column) += 1;
  });
  const Matrix mean = sum.cwiseQuotient(count);  // 0 / 0 is NaN: never shown
  for_known([&](int64_t of_class, int64_t column, double value) {
    const double distance = value - mean(of_class, column);
    squares(of_class, column) += distance * distance;
  });
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
