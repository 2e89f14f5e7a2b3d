// Every kind of model of customers, against scikit-learn on three public data sets (reference_models.py).
#include <cmath>

#include "profile/customer_model.h"
#include "profile/elastic_net.h"
#include "profile/scores.h"
#include "tests/profile/reference.h"

namespace limner {
namespace {

RegressionSettings settings_of(const std::string& kind) {
  RegressionSettings settings;
  settings.kind = kind;
  return settings;
}

Matrix rows_of(const Matrix& matrix, const Json& rows) {
  Matrix result(std::ssize(rows), matrix.cols());
  for (size_t i = 0; i < rows.size(); ++i)
    result.row(static_cast<int64_t>(i)) = matrix.row(rows[i].get<int64_t>());
  return result;
}

Vector rows_of(const Vector& vector, const Json& rows) { return rows_of(Matrix(vector), rows).col(0); }

std::vector<double> list_of(const Vector& vector) { return {vector.begin(), vector.end()}; }

class Models : public testing::TestWithParam<const char*> {
 protected:
  const Json& expected = model_reference().at(GetParam());
  Matrix features = matrix_of(expected.at("features"));
  Vector target = vector_of(expected.at("target")), labels = vector_of(expected.at("labels"));
  double scale = std::sqrt((target.array() - target.mean()).square().mean());

  void expect_predictions(const std::string& kind, Outcome outcome, const char* name, double tolerance,
                          RegressionSettings settings) {
    settings.kind = kind;
    const Vector& wanted = outcome == Outcome::number ? target : labels;
    const CustomerModelPointer model =
        fit_customer_model(settings, outcome, MatrixRows(features), wanted, 17);
    const Vector ours = model->predict(features), theirs = vector_of(expected.at(name));
    EXPECT_LT((ours - theirs).cwiseAbs().maxCoeff(), tolerance) << kind;
    // Saved and read again it says the same.
    const CustomerModelPointer again =
        read_customer_model(Json::parse(model->to_json().dump()), model->booster(), "test");
    EXPECT_EQ(list_of(again->predict(features)), list_of(ours)) << kind;
  }
};

TEST_P(Models, LinearOnesEqualScikitLearn) {
  RegressionSettings settings;
  settings.l2.value = 2;
  expect_predictions("ridge", Outcome::number, "ridge", 1e-8 * scale, settings);
  expect_predictions("logistic", Outcome::two_classes, "logistic", 1e-6, settings);
}

TEST_P(Models, ElasticNetEqualsScikitLearn) {
  const Matrix standard = Standardizer(MatrixRows(features)).apply(features);
  bool some_are_zero = false;
  for (const Json& entry : expected.at("elastic_net")) {
    const LinearModel model = fit_elastic_net(MatrixRows(standard), target, entry.at("l1").get<double>(),
                                              entry.at("l2").get<double>());
    const Vector theirs = vector_of(entry.at("coefficients"));
    EXPECT_LT((model.coefficients - theirs).cwiseAbs().maxCoeff(), 1e-6 * scale);
    EXPECT_NEAR(model.intercept, entry.at("intercept").get<double>(), 1e-8 * scale);
    some_are_zero = some_are_zero || (model.coefficients.array() == 0).any();
  }
  EXPECT_TRUE(some_are_zero);
}

TEST_P(Models, NaiveBayesEqualsScikitLearn) {
  expect_predictions("naive_bayes", Outcome::two_classes, "naive_bayes", 1e-7, {});
}

TEST_P(Models, TreesSplitAsScikitLearns) {
  RegressionSettings settings;
  settings.depth.value = 2;
  settings.min_leaf = 8;
  expect_predictions("tree", Outcome::number, "tree_number", 1e-5 * scale + 1e-5 * target.maxCoeff(),
                     settings);
  expect_predictions("tree", Outcome::two_classes, "tree_classes", 1e-6, settings);
}

// Random choices differ, so quality is compared: on customers left out, beside scikit-learn's.
TEST_P(Models, ForestAndBoostingAreAsGoodAsScikitLearns) {
  RegressionSettings forest = settings_of("forest"), boosting = settings_of("boosting");
  forest.min_leaf = 3;
  boosting.trees = 60;
  boosting.depth.value = 2;
  boosting.min_leaf = 1;
  const Json &fitting = expected.at("fitting"), &asked = expected.at("asked");
  const Matrix seen = rows_of(features, fitting), left_out = rows_of(features, asked);
  for (const auto& [settings, name] : {std::pair(forest, "forest"), std::pair(boosting, "boosting")}) {
    const auto of_number =
        fit_customer_model(settings, Outcome::number, MatrixRows(seen), rows_of(target, fitting), 17);
    const auto of_class =
        fit_customer_model(settings, Outcome::two_classes, MatrixRows(seen), rows_of(labels, fitting), 17);
    const std::vector<double> numbers = list_of(rows_of(target, asked));
    const std::vector<double> mean(numbers.size(), Vector(rows_of(target, asked)).mean());
    EXPECT_NEAR(score_numbers(numbers, list_of(of_number->predict(left_out)), mean).r2,
                expected.at(std::string(name) + "_r2").get<double>(), 0.05)
        << name;
    EXPECT_NEAR(area_under_curve(list_of(rows_of(labels, asked)), list_of(of_class->predict(left_out))),
                expected.at(std::string(name) + "_auc").get<double>(), 0.03)
        << name;
  }
}

TEST_P(Models, TheSameSeedGivesTheSameModel) {
  for (const char* kind : {"forest", "boosting"}) {
    const auto fit = [&](uint64_t seed) {
      return fit_customer_model(settings_of(kind), Outcome::number, MatrixRows(features), target, seed)
          ->booster();
    };
    EXPECT_EQ(fit(17), fit(17));
    EXPECT_EQ(fit(17) == fit(18), kind == std::string("boosting"));  // which draws nothing
  }
}

INSTANTIATE_TEST_SUITE_P(Data, Models, testing::Values("diabetes", "cancer", "wine"));

TEST(CustomerModel, MissingValuesAreAllowedInEveryKind) {
  Matrix features = random_matrix(120, 4, 3);
  Vector labels(120);
  for (int64_t i = 0; i < 120; ++i) {
    labels[i] = features(i, 0) > 0 ? 1 : 0;
    features(i, i % 4) = std::nan("");
  }
  for (const char* kind : {"logistic", "naive_bayes", "tree", "forest", "boosting"}) {
    const auto model =
        fit_customer_model(settings_of(kind), Outcome::two_classes, MatrixRows(features), labels, 17);
    const Vector predicted = model->predict(features);
    EXPECT_TRUE((predicted.array() >= 0).all() && (predicted.array() <= 1).all()) << kind;
    EXPECT_GT(area_under_curve(list_of(labels), list_of(predicted)), 0.8) << kind;
    EXPECT_EQ(model->predict(Matrix(0, 4)).size(), 0) << kind;
  }
}

TEST(CustomerModel, NoFeatureAtAll) {
  Vector target(20);
  target << Vector::Constant(10, 1), Vector::Constant(10, 3);
  for (const char* kind : {"ridge", "elastic_net", "tree", "forest", "boosting"}) {
    RegressionSettings settings = settings_of(kind);
    settings.min_leaf = 1;
    const auto model = fit_customer_model(settings, Outcome::number, MatrixRows(Matrix(20, 0)), target, 17);
    EXPECT_NEAR(model->predict(Matrix(3, 0))[2], 2, kind == std::string("forest") ? 0.2 : 1e-5) << kind;
  }
}

TEST(CustomerModel, BrokenFilesAreRefused) {
  EXPECT_EQ(error_of([] {
              read_customer_model({{"kind", "oracle"}}, "", "m.json");
            }).first,
            ExitCode::bad_data);
  EXPECT_EQ(error_of([] {
              read_customer_model({{"kind", "trees"}, {"outcome", "number"}}, "{\"torn\":", "m.json");
            }).first,
            ExitCode::bad_data);
}

TEST(CustomerModel, KindsAndOutcomes) {
  EXPECT_EQ(refuse_outcome("forest", Outcome::number) + refuse_outcome("ridge", Outcome::number), "");
  EXPECT_NE(refuse_outcome("elastic_net", Outcome::two_classes), "");
  EXPECT_NE(refuse_outcome("naive_bayes", Outcome::number), "");
}

}  // namespace
}  // namespace limner
