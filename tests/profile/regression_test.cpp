#include "profile/regression.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "profile/principal.h"
#include "tests/profile/reference.h"

namespace limner {
namespace {

const double nan = std::nan("");

RegressionSettings settings_of(const std::string& kind, int64_t folds = 5) {
  RegressionSettings settings;
  settings.target = "spend";
  settings.kind = kind;
  settings.folds = folds;
  return settings;
}

// 300 customers; the target is 3 age + 2 of the second direction of the vectors + noise of variance 1.
struct World {
  RegressionInputs inputs;
  std::vector<double> spend;
  explicit World(int64_t customers = 300) {
    const Matrix noise = random_matrix(customers, 3, 5);
    Matrix vectors = random_matrix(customers, 20, 6);
    vectors.col(0) *= 6;
    vectors.col(1) *= 4;
    CustomerColumn age{"age", true, {}, {}, {}, {}}, useless{"useless", true, {}, {}, {}, {}};
    for (int64_t i = 0; i < customers; ++i) {
      age.numbers.push_back(40 + 10 * noise(i, 0));
      useless.numbers.push_back(noise(i, 1));
      spend.push_back(3 * noise(i, 0) + 2 * vectors(i, 1) / 4 + noise(i, 2));
    }
    inputs.attributes = attribute_features({age, useless});
    inputs.predictions = FeatureTable{{}, Matrix(customers, 0)};
    inputs.components = principal_components(MatrixRows(vectors), 20, 1).scores;
    inputs.training_texts.assign(static_cast<size_t>(customers), 1);
  }
  Target target(const std::string& kind = "ridge") const {
    const bool classes = kind == "logistic";
    return {"spend", spend, "", "", classes ? Outcome::two_classes : Outcome::number};
  }
};

TEST(Regression, FindsTheCauses) {
  const World world;
  const Regression result = fit_regression(settings_of("ridge"), world.target(), world.inputs, 17, 2);
  ASSERT_EQ(result.sets.size(), 3u);
  EXPECT_EQ(result.sets[0].name, "attributes");
  // Variance 9 of age, 4 of texts, 1 of noise.
  EXPECT_NEAR(result.sets[0].number.r2, 9.0 / 14, 0.08);
  EXPECT_NEAR(result.sets[1].number.r2, 4.0 / 14, 0.08);
  EXPECT_NEAR(result.sets[2].number.r2, 13.0 / 14, 0.03);
  EXPECT_EQ(result.sets[2].components, 2);
  ASSERT_EQ(result.coefficients.size(), 2u);
  EXPECT_EQ(result.coefficients[0].feature.name, "age");
  EXPECT_NEAR(result.coefficients[0].per_unit, 0.3, 0.03);
  EXPECT_NEAR(result.coefficients[0].per_deviation, 3, 4 * result.coefficients[0].standard_error);
  EXPECT_LT(std::abs(result.coefficients[1].per_deviation), 4 * result.coefficients[1].standard_error);
}

TEST(Regression, DoesNotDependOnThreads) {
  const World world;
  const Regression one = fit_regression(settings_of("ridge"), world.target(), world.inputs, 17, 1);
  const Regression many = fit_regression(settings_of("ridge"), world.target(), world.inputs, 17, 4);
  EXPECT_EQ(one.predicted, many.predicted);
  const Regression other_seed = fit_regression(settings_of("ridge"), world.target(), world.inputs, 18, 1);
  EXPECT_NE(one.predicted, other_seed.predicted);
  EXPECT_NEAR(one.sets[2].number.r2, other_seed.sets[2].number.r2, 0.02);
}

TEST(Regression, NoiseIsNotExplained) {
  World world;
  const Matrix noise = random_matrix(300, 1, 99);
  world.spend.assign(noise.data(), noise.data() + 300);
  const Regression result = fit_regression(settings_of("ridge"), world.target(), world.inputs, 17, 2);
  for (const FeatureSetScores& set : result.sets) EXPECT_LT(set.number.r2, 0.03) << set.name;
}

TEST(Regression, OutOfFoldMeansOutOfFold) {
  // Every customer has a feature of its own that tells the target: in-sample perfect, out of fold worthless.
  constexpr int64_t customers = 40;
  World world(customers);
  world.inputs.attributes.features.clear();
  world.inputs.attributes.values.resize(customers, customers);
  world.inputs.attributes.values.setIdentity();
  for (int64_t i = 0; i < customers; ++i) {
    world.inputs.attributes.features.push_back(
        {"customer " + std::to_string(i), FeatureSource::attribute, ""});
  }
  const Regression result = fit_regression(settings_of("ridge"), world.target(), world.inputs, 17, 1);
  EXPECT_LT(result.sets[0].number.r2, 0.1);
}

TEST(Regression, MissingTargetsAreLeftOut) {
  World world;
  for (size_t i = 0; i < 50; ++i) world.spend[i] = nan;
  const Regression result = fit_regression(settings_of("ridge"), world.target(), world.inputs, 17, 1);
  EXPECT_EQ(result.customers, 250);
  EXPECT_EQ(result.missing, 50);
  EXPECT_TRUE(std::isnan(result.predicted[0]));
  EXPECT_TRUE(std::isfinite(result.predicted[50]));
  EXPECT_EQ(result.sets[2].number.count, 250);
}

TEST(Regression, HeldOutCustomersAreScoredApart) {
  World world;
  for (size_t i = 0; i < 60; ++i) world.inputs.training_texts[i] = 0;
  const Regression result = fit_regression(settings_of("ridge"), world.target(), world.inputs, 17, 1);
  EXPECT_EQ(result.held_out_customers, 60);
  ASSERT_TRUE(result.held_out.has_value());
  EXPECT_EQ(result.held_out->number.count, 60);
  EXPECT_GT(result.held_out->number.r2, 0.8);
}

TEST(Regression, LogisticFindsTheCauses) {
  World world(400);
  const double middle = std::accumulate(world.spend.begin(), world.spend.end(), 0.0) / 400;
  for (double& value : world.spend) value = value > middle ? 1 : 0;
  const Regression result =
      fit_regression(settings_of("logistic"), world.target("logistic"), world.inputs, 17, 2);
  EXPECT_GT(result.sets[2].probability.auc, 0.95);
  EXPECT_GT(result.sets[2].probability.auc, result.sets[0].probability.auc);
  EXPECT_LT(result.sets[2].probability.log_loss, result.sets[2].probability.baseline_log_loss);
  EXPECT_GT(result.coefficients[0].per_deviation, 0);
  for (const double probability : result.predicted) {
    EXPECT_GT(probability, 0);
    EXPECT_LT(probability, 1);
  }
}

TEST(Regression, TextsAlone) {
  World world;
  world.inputs.attributes = FeatureTable{{}, Matrix(300, 0)};
  const Regression result = fit_regression(settings_of("ridge"), world.target(), world.inputs, 17, 1);
  ASSERT_EQ(result.sets.size(), 1u);
  EXPECT_EQ(result.sets[0].name, "texts");
  EXPECT_TRUE(result.coefficients.empty());
}

TEST(Regression, NoFeaturesAtAllPredictTheMean) {
  World world;
  world.inputs.attributes = FeatureTable{{}, Matrix(300, 0)};
  world.inputs.components = Matrix(300, 0);  // identical vectors
  const Regression result = fit_regression(settings_of("ridge"), world.target(), world.inputs, 17, 1);
  EXPECT_NEAR(result.sets[0].number.r2, 0, 1e-12);
}

TEST(Regression, FewCustomers) {
  for (const std::string kind : {"ridge", "logistic"}) {
    World world(10);
    if (kind == "logistic") world.spend = {0, 1, 0, 1, 0, 0, 0, 0, 0, 0};
    const Regression result = fit_regression(settings_of(kind), world.target(kind), world.inputs, 17, 1);
    EXPECT_EQ(result.folds, kind == "ridge" ? 5 : 2);
    EXPECT_TRUE(std::isfinite(result.predicted[9])) << kind;
  }
}

TEST(Regression, TooFewCustomersAreRefused) {
  World world(10);
  world.spend.assign(10, nan);
  world.spend[1] = 1;
  world.spend[2] = 2;
  const auto [code, message] =
      error_of([&] { fit_regression(settings_of("ridge"), world.target(), world.inputs, 17, 1); });
  EXPECT_EQ(code, ExitCode::bad_data);
  EXPECT_NE(message.find("spend"), std::string::npos) << message;
  world.spend = {1, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  EXPECT_EQ(error_of([&] {
              fit_regression(settings_of("logistic"), world.target("logistic"), world.inputs, 17, 1);
            }).first,
            ExitCode::bad_data);
}

TEST(Folds, AreEvenAndKeepTheClasses) {
  std::vector<double> labels(103, 0);
  for (size_t i = 0; i < 25; ++i) labels[i] = 1;
  const std::vector<int64_t> folds = deal_folds(labels, true, 5, 17, "test");
  for (int64_t fold = 0; fold < 5; ++fold) {
    int64_t count = 0, positives = 0;
    for (size_t i = 0; i < folds.size(); ++i) {
      count += folds[i] == fold ? 1 : 0;
      positives += folds[i] == fold && labels[i] == 1 ? 1 : 0;
    }
    EXPECT_EQ(positives, 5);
    EXPECT_NEAR(static_cast<double>(count), 20.5, 0.5);
  }
  EXPECT_NE(folds, deal_folds(labels, true, 5, 18, "test"));
}

TEST(Target, KindsMustFit) {
  const CustomerColumn region{"spend", false, {}, {0, 1, 2}, {"a", "b", "c"}, {}};
  const CustomerColumn churned{"spend", false, {}, {1, -1, 0}, {"no", "yes"}, {}};
  const CustomerColumn flag{"spend", true, {0, 1, nan, 1}, {}, {}, {}};
  EXPECT_EQ(error_of([&] { make_target(region, settings_of("ridge")); }).first, ExitCode::bad_config);
  EXPECT_EQ(error_of([&] { make_target(region, settings_of("logistic")); }).first, ExitCode::bad_config);
  const Target target = make_target(churned, settings_of("logistic"));
  EXPECT_EQ(target.positive, "yes");
  EXPECT_EQ(target.values[0], 1);
  EXPECT_TRUE(std::isnan(target.values[1]));
  EXPECT_EQ(make_target(flag, settings_of("logistic")).positive, "1");
  EXPECT_EQ(error_of([&] {
              make_target({"spend", true, {1, 2, 3}, {}, {}, {}}, settings_of("logistic"));
            }).first,
            ExitCode::bad_config);
  EXPECT_EQ(error_of([&] {
              make_target({"spend", false, {}, {0, 0, 0}, {"no"}, {}}, settings_of("logistic"));
            }).first,
            ExitCode::bad_data);
  EXPECT_EQ(error_of([&] {
              make_target({"spend", true, {nan, nan}, {}, {}, {}}, settings_of("ridge"));
            }).first,
            ExitCode::bad_data);
}

}  // namespace
}  // namespace limner
