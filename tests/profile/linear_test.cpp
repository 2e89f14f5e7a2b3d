#include "profile/linear.h"

#include <cmath>

#include "tests/profile/reference.h"

namespace limner {
namespace {

void expect_close(const Vector& ours, const Vector& theirs, double tolerance) {
  ASSERT_EQ(ours.size(), theirs.size());
  for (int64_t i = 0; i < ours.size(); ++i) EXPECT_NEAR(ours[i], theirs[i], tolerance) << "entry " << i;
}

TEST(Ridge, EqualsScikitLearn) {
  const Matrix features = matrix_of(reference().at("features"));
  const Vector target = vector_of(reference().at("target"));
  for (const auto& [l2, expected] : reference().at("ridge").items()) {
    const LinearModel model = fit_ridge(MatrixRows(features), target, std::stod(l2));
    expect_close(model.coefficients, vector_of(expected.at("coefficients")), 1e-9);
    EXPECT_NEAR(model.intercept, expected.at("intercept").get<double>(), 1e-9);
  }
}

TEST(Ridge, OneFeatureHasTheClosedForm) {
  Matrix features(4, 1);
  features << -1, 0, 0, 1;
  Vector target(4);
  target << 1, 2, 4, 5;
  // Centred x'x = 2, x'y = 4; with l2 = 2 the slope is 4 / 4.
  const LinearModel model = fit_ridge(MatrixRows(features), target, 2);
  EXPECT_DOUBLE_EQ(model.coefficients[0], 1);
  EXPECT_DOUBLE_EQ(model.intercept, 3);
  // Without a penalty: slope 2, squared error 2 over 4 - 1 - 1 customers, variance of the slope 1 / 2.
  const LinearModel plain = fit_ridge(MatrixRows(features), target, 0);
  EXPECT_DOUBLE_EQ(plain.coefficients[0], 2);
  EXPECT_NEAR(plain.standard_errors[0], std::sqrt(0.5), 1e-12);
}

TEST(Ridge, StandardErrorsCoverTheTruth) {
  int covered = 0;
  constexpr int trials = 200;
  for (int trial = 0; trial < trials; ++trial) {
    const Matrix features = random_matrix(50, 3, static_cast<uint64_t>(trial));
    const Vector noise = random_matrix(50, 1, static_cast<uint64_t>(trial) + 1000).col(0);
    const Vector target = features.col(0) * 0.7 + noise;
    const LinearModel model = fit_ridge(MatrixRows(features), target, 1e-6);
    covered += std::abs(model.coefficients[0] - 0.7) < 1.96 * model.standard_errors[0] ? 1 : 0;
  }
  EXPECT_NEAR(covered, 0.95 * trials, 10);
}

TEST(Ridge, MoreFeaturesThanCustomers) {
  const Matrix features = random_matrix(10, 40, 1);
  const Vector target = random_matrix(10, 1, 2).col(0);
  const LinearModel model = fit_ridge(MatrixRows(features), target, 1);
  EXPECT_TRUE(model.coefficients.allFinite());
  const Vector fitted = model.linear(features);
  EXPECT_LT((fitted - target).norm(), target.norm());
}

// The chosen penalty is the best of its neighbours when each customer is told from a fit to all others.
TEST(Ridge, ChoosesThePenaltyThatTellsCustomersLeftOut) {
  for (const double signal : {0.0, 0.3, 3.0}) {
    const int64_t count = 30;
    const Matrix features = random_matrix(count, 12, 5);
    const Vector target = features.col(0) * signal + random_matrix(count, 1, 6).col(0);
    const auto left_out = [&](double l2) {
      double squares = 0;
      for (int64_t out = 0; out < count; ++out) {
        Matrix others(count - 1, features.cols());
        Vector told(count - 1);
        for (int64_t i = 0, at = 0; i < count; ++i) {
          if (i == out) continue;
          others.row(at) = features.row(i);
          told[at++] = target[i];
        }
        const LinearModel model = fit_ridge(MatrixRows(others), told, l2);
        squares += std::pow(target[out] - model.linear(features.row(out))[0], 2);
      }
      return squares;
    };
    const double chosen = fit_ridge(MatrixRows(features), target, std::nullopt).l2;
    const double step = std::pow(10, 1.0 / 3), least = count * 1e-5, most = count * 10.0;
    EXPECT_GE(chosen, least * 0.999);
    EXPECT_LE(chosen, most * 1.001);
    for (double l2 = least; l2 < most * 1.001; l2 *= step) {
      EXPECT_LE(left_out(chosen), left_out(l2) * (1 + 1e-9)) << signal << ": " << chosen << ", not " << l2;
    }
  }
}

TEST(Ridge, CollinearWithoutPenaltyIsRefused) {
  Matrix features = random_matrix(20, 3, 1);
  features.col(2) = features.col(0) * 2;
  const Vector target = random_matrix(20, 1, 2).col(0);
  const auto [code, message] = error_of([&] { fit_ridge(MatrixRows(features), target, 0); });
  EXPECT_EQ(code, ExitCode::bad_config);
  EXPECT_NE(message.find("set l2 above 0"), std::string::npos) << message;
}

TEST(Logistic, EqualsScikitLearn) {
  const Matrix features = matrix_of(reference().at("features"));
  const Vector labels = vector_of(reference().at("labels"));
  for (const auto& [l2, expected] : reference().at("logistic").items()) {
    const LinearModel model = fit_logistic(MatrixRows(features), labels, std::stod(l2));
    expect_close(model.coefficients, vector_of(expected.at("coefficients")), 1e-6);
    EXPECT_NEAR(model.intercept, expected.at("intercept").get<double>(), 1e-6);
    expect_close(probabilities(model, features), vector_of(expected.at("probabilities")), 1e-6);
  }
}

TEST(Logistic, TwoByTwoTableGivesTheLogOddsRatio) {
  Matrix features(100, 1);
  Vector labels(100);
  for (int64_t i = 0; i < 100; ++i) {
    features(i, 0) = i < 40 ? 1 : 0;
    labels[i] = (i < 30 || i >= 80) ? 1 : 0;  // 30 of 40 against 20 of 60
  }
  const LinearModel model = fit_logistic(MatrixRows(features), labels, 0);
  EXPECT_NEAR(model.coefficients[0], std::log((30.0 / 10) / (20.0 / 40)), 1e-9);
  EXPECT_NEAR(model.intercept, std::log(20.0 / 40), 1e-9);
  EXPECT_NEAR(model.standard_errors[0], std::sqrt(1 / 30.0 + 1 / 10.0 + 1 / 20.0 + 1 / 40.0), 1e-6);
}

TEST(Logistic, SeparableClassesNeedAPenalty) {
  Matrix features(20, 1);
  Vector labels(20);
  for (int64_t i = 0; i < 20; ++i) {
    features(i, 0) = static_cast<double>(i);
    labels[i] = i < 10 ? 0 : 1;
  }
  EXPECT_EQ(error_of([&] { fit_logistic(MatrixRows(features), labels, 0); }).first, ExitCode::bad_config);
  EXPECT_GT(fit_logistic(MatrixRows(features), labels, 1).coefficients[0], 0);
}

TEST(Logistic, OneClassIsRefused) {
  const auto [code, message] =
      error_of([] { fit_logistic(MatrixRows(Matrix::Ones(5, 1)), Vector::Ones(5), 1); });
  EXPECT_EQ(code, ExitCode::bad_data);
  EXPECT_NE(message.find("one class"), std::string::npos) << message;
}

TEST(Standardizer, MissingAndConstantBecomeZero) {
  Matrix features(4, 3);
  const double nan = std::nan("");
  features << 1, 0.1, nan,  //
      3, 0.1, nan,          //
      nan, 0.1, nan,        //
      5, 0.1, nan;
  const Matrix standard = Standardizer(MatrixRows(features)).apply(features);
  EXPECT_NEAR(standard(0, 0), -std::sqrt(1.5), 1e-12);
  EXPECT_EQ(standard(1, 0), 0);
  EXPECT_EQ(standard(2, 0), 0);
  EXPECT_TRUE((standard.rightCols(2).array() == 0).all());
}

// Several ranges of blocks: the same to the last bit for any number of threads, and as one block.
TEST(Linear, ManyBlocksAndThreads) {
  const Matrix features = random_matrix(20000, 3, 1);
  Vector target = features.col(0) * 2 + random_matrix(20000, 1, 2).col(0), labels(20000);
  for (int64_t i = 0; i < 20000; ++i) labels[i] = target[i] > 0 ? 1 : 0;
  const MatrixRows rows(features);
  const LinearModel ridge = fit_ridge(rows, target, 5, 1);
  EXPECT_EQ(fit_ridge(rows, target, 5, 4).coefficients, ridge.coefficients);
  EXPECT_EQ(fit_ridge(rows, target, std::nullopt, 4).l2, fit_ridge(rows, target, std::nullopt, 1).l2);
  const Matrix centred = features.rowwise() - features.colwise().mean();
  const Vector expected = (centred.transpose() * centred + 5 * Matrix::Identity(3, 3))
                              .ldlt()
                              .solve(centred.transpose() * Vector(target.array() - target.mean()));
  expect_close(ridge.coefficients, expected, 1e-10);
  const LinearModel logistic = fit_logistic(rows, labels, 5, 1);
  EXPECT_EQ(fit_logistic(rows, labels, 5, 4).coefficients, logistic.coefficients);
  const Vector gradient =
      features.transpose() * (probabilities(logistic, features) - labels) + 5 * logistic.coefficients;
  EXPECT_LT(gradient.cwiseAbs().maxCoeff(), 1e-4);
}

}  // namespace
}  // namespace limner
