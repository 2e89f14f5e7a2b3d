// Models of several classes, their scores, and k-means from a given start, against scikit-learn on three
// public data sets (reference_classes.py); small networks; minimisation.
#include <cmath>

#include "profile/class_scores.h"
#include "profile/classification.h"
#include "profile/k_means.h"
#include "profile/minimise.h"
#include "profile/silhouette.h"
#include "tests/profile/reference.h"
#include "tests/runtime/temporary_folder.h"

namespace limner {
namespace {

class Classes : public testing::TestWithParam<const char*> {
 protected:
  static const Json& all() {
    static const Json json = read_reference("reference_classes.json");
    return json;
  }
  const Json& expected = all().at(GetParam());
  Matrix features = matrix_of(expected.at("features"));
  Vector classes = vector_of(expected.at("classes"));
  std::vector<int64_t> observed = expected.at("classes").get<std::vector<int64_t>>();

  static RegressionSettings settings_of(const std::string& kind, double l2) {
    RegressionSettings settings;
    settings.kind = kind;
    settings.l2.value = l2;
    return settings;
  }
};

TEST_P(Classes, MultinomialLogisticEqualsScikitLearn) {
  const CustomerModelPointer model =
      fit_customer_model(settings_of("logistic", 2), Outcome::classes, MatrixRows(features), classes, 17);
  const Matrix ours = model->predict_classes(features),
               theirs = matrix_of(expected.at("logistic").at("probabilities"));
  EXPECT_LT((ours - theirs).cwiseAbs().maxCoeff(), 1e-5);
  ASSERT_NE(model->class_coefficients(), nullptr);
  EXPECT_LT((*model->class_coefficients() - matrix_of(expected.at("logistic").at("coefficients")))
                .cwiseAbs()
                .maxCoeff(),
            1e-4);
  // Saved and read again it says the same.
  const CustomerModelPointer again = read_customer_model(Json::parse(model->to_json().dump()), "", "test");
  EXPECT_EQ((again->predict_classes(features) - ours).cwiseAbs().maxCoeff(), 0);
}

TEST_P(Classes, ScoresAreScikitLearns) {
  const Matrix chances = matrix_of(expected.at("chances"));
  const Matrix even =
      Matrix::Constant(chances.rows(), chances.cols(), 1.0 / static_cast<double>(chances.cols()));
  const ClassScores scores = score_classes(observed, chances, even);
  const Json& theirs = expected.at("scores");
  const auto expect = [&](const char* name, double ours) {
    EXPECT_NEAR(ours, theirs.at(name).get<double>(), 1e-9) << name;
  };
  expect("accuracy", scores.accuracy);
  expect("macro_precision", scores.macro_precision);
  expect("macro_recall", scores.macro_recall);
  expect("macro_f1", scores.macro_f1);
  expect("micro_precision", scores.micro_precision);
  expect("micro_recall", scores.micro_recall);
  expect("micro_f1", scores.micro_f1);
  expect("auc", scores.auc);
  expect("brier", scores.brier);
  EXPECT_NEAR(scores.log_loss, theirs.at("log_loss").get<double>(), 1e-5);  // it scales each row to sum 1
  EXPECT_NEAR(scores.baseline_log_loss, std::log(static_cast<double>(chances.cols())), 1e-12);
  EXPECT_EQ(Json(scores.confusion), theirs.at("confusion"));
  for (size_t index = 0; index < scores.per_class.size(); ++index) {
    EXPECT_NEAR(scores.per_class[index].auc, theirs.at("aucs")[index].get<double>(), 1e-9) << index;
    EXPECT_NEAR(scores.per_class[index].pr_auc, theirs.at("pr_aucs")[index].get<double>(), 1e-9) << index;
  }
}

TEST_P(Classes, NetworkIsAsGoodAsScikitLearns) {
  Indices fitting, asked;
  for (int64_t row = 0; row < features.rows(); ++row) (row % 3 == 0 ? asked : fitting).push_back(row);
  const Matrix seen = gather_rows(MatrixRows(features), fitting);
  const CustomerModelPointer model = fit_customer_model(settings_of("mlp", 5), Outcome::classes,
                                                        MatrixRows(seen), pick(classes, fitting), 17);
  const Matrix told = model->predict_classes(gather_rows(MatrixRows(features), asked));
  std::vector<int64_t> wanted;
  for (const int64_t row : asked) wanted.push_back(observed[static_cast<size_t>(row)]);
  EXPECT_NEAR(score_classes(wanted, told, told).accuracy, expected.at("network_accuracy").get<double>(),
              0.08);
  EXPECT_NEAR(told.rowwise().sum().maxCoeff(), 1, 1e-12);
}

// A start, and what follows from it: two rounds, and all.
TEST_P(Classes, KMeansFromTheSameStartEqualsScikitLearn) {
  const Standardizer standardizer{MatrixRows(features)};
  const Matrix points = standardizer.apply(features);
  for (const auto& [rounds, theirs] : expected.at("k_means").items()) {
    const Matrix centroids = matrix_of(theirs.at("centroids"));
    const Clusters ours = refine_clusters(MatrixRows(points), Geometry::euclidean,
                                          points.topRows(centroids.rows()), std::stol(rounds), 2);
    EXPECT_EQ(ours.cluster, theirs.at("cluster").get<std::vector<int32_t>>()) << rounds;
    EXPECT_LT((ours.centroids - centroids).cwiseAbs().maxCoeff(), 1e-6) << rounds;
    EXPECT_NEAR(ours.inertia, theirs.at("inertia").get<double>(), 1e-6 * ours.inertia) << rounds;
  }
}

TEST_P(Classes, SilhouettesEqualScikitLearn) {
  const Matrix points = Standardizer(MatrixRows(features)).apply(features);
  const std::vector<int32_t> groups(observed.begin(), observed.end());
  for (const auto& [geometry, name] :
       {std::pair(Geometry::euclidean, "euclidean"), std::pair(Geometry::cosine, "cosine")}) {
    const Vector theirs = vector_of(expected.at("silhouette").at(name));
    const std::vector<double> ours =
        Silhouette(geometry == Geometry::cosine ? unit_rows(points) : points, geometry, 2).values(groups);
    for (int64_t i = 0; i < theirs.size(); ++i)
      EXPECT_NEAR(ours[static_cast<size_t>(i)], theirs[i], 5e-6) << name << " of point " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Data, Classes, testing::Values("iris", "wine", "digits"));

TEST(Network, OfNumbersAndTwoClassesBendsWhereLinesCannot) {
  const Matrix features = random_matrix(400, 2, 5);
  Vector target(400), labels(400);
  for (int64_t i = 0; i < 400; ++i) {
    target[i] = 1000 + 50 * features(i, 0) * features(i, 0);
    labels[i] = features(i, 0) * features(i, 1) > 0 ? 1 : 0;
  }
  RegressionSettings settings;
  settings.kind = "mlp";
  settings.l2.value = 0.01;
  const auto numbers = fit_customer_model(settings, Outcome::number, MatrixRows(features), target, 17);
  const double error = (numbers->predict(features) - target).squaredNorm();
  EXPECT_LT(error, 0.02 * (target.array() - target.mean()).square().sum());
  const auto of_classes =
      fit_customer_model(settings, Outcome::two_classes, MatrixRows(features), labels, 17);
  const Vector told = of_classes->predict(features);
  EXPECT_GT(((told.array() >= 0.5) == (labels.array() > 0.5)).cast<double>().mean(), 0.95);
  // The same seed gives the same network, another seed another.
  const auto again = fit_customer_model(settings, Outcome::two_classes, MatrixRows(features), labels, 17);
  EXPECT_EQ(again->to_json(), of_classes->to_json());
  const auto other = fit_customer_model(settings, Outcome::two_classes, MatrixRows(features), labels, 18);
  EXPECT_NE(other->to_json(), of_classes->to_json());
  EXPECT_EQ(read_customer_model(numbers->to_json(), "", "test")->predict(features),
            numbers->predict(features));
}

TEST(Minimise, FindsTheFloorOfACurvedValley) {
  const auto rosenbrock = [](const Vector& x, Vector& gradient) {
    const double bend = x[1] - x[0] * x[0];
    gradient.resize(2);
    gradient << -400 * x[0] * bend - 2 * (1 - x[0]), 200 * bend;
    return 100 * bend * bend + (1 - x[0]) * (1 - x[0]);
  };
  const Minimum minimum = minimise(rosenbrock, Vector::Constant(2, -1.2), 200, 1e-10);
  EXPECT_TRUE(minimum.settled);
  EXPECT_NEAR(minimum.at[0], 1, 1e-8);
  EXPECT_NEAR(minimum.at[1], 1, 1e-8);
}

TEST(Classification, TwoOfAClassAreWanted) {
  CustomerColumn column{"kind", false, {}, {0, 0, 1, 1, 2, -1}, {"a", "b", "c"}, "kind"};
  RegressionSettings settings;
  settings.target = "kind";
  settings.kind = "logistic";
  EXPECT_TRUE(has_many_classes(column, settings));
  RegressionInputs inputs;
  const auto [code, message] = error_of([&] { fit_classification(settings, column, inputs, 17, 1); });
  EXPECT_EQ(code, ExitCode::bad_data);
  EXPECT_NE(message.find("'c'"), std::string::npos) << message;
  column.codes = {0, 0, 1, 1, -1, -1};
  EXPECT_FALSE(has_many_classes(column, settings));
  settings.kind = "naive_bayes";
  column.codes = {0, 0, 1, 1, 2, 2};
  EXPECT_FALSE(has_many_classes(column, settings));  // make_target refuses it
}

TEST(Classification, FindsTheCauses) {
  constexpr int64_t customers = 300;
  const Matrix noise = random_matrix(customers, 4, 5);
  CustomerColumn age{"age", true, {}, {}, {}, "age"},
      kind{"kind", false, {}, {}, {"x", "a", "b", "c"}, "kind"};
  RegressionInputs inputs;
  inputs.predictions = FeatureTable{{}, Matrix(customers, 0)};
  inputs.components = noise.leftCols(2);
  inputs.components.col(0) *= 3;
  for (int64_t i = 0; i < customers; ++i) {
    age.numbers.push_back(noise(i, 2));
    const double by_text = inputs.components(i, 0) + 0.3 * noise(i, 3);
    kind.codes.push_back(i < 10 ? -1 : noise(i, 2) > 0.7 ? 3 : by_text > 0 ? 1 : 2);  // nobody is of class x
    inputs.training_texts.push_back(i % 4 == 0 ? 0 : 1);
  }
  inputs.attributes = attribute_features({age});
  RegressionSettings settings;
  settings.target = "kind";
  settings.kind = "logistic";
  const Classification one = fit_classification(settings, kind, inputs, 17, 1);
  EXPECT_EQ(one.classes, (std::vector<std::string>{"a", "b", "c"}));
  ASSERT_EQ(one.sets.size(), 3u);
  EXPECT_EQ(one.sets[2].name, "attributes and texts");
  EXPECT_GE(one.sets[2].components, 1);
  EXPECT_GT(one.sets[2].scores.accuracy, 0.9);
  EXPECT_LT(one.sets[0].scores.accuracy, 0.75);
  EXPECT_GT(one.sets[0].scores.per_class[2].auc, 0.95);
  EXPECT_LT(one.accuracy.low, one.sets[2].scores.accuracy);
  EXPECT_GT(one.accuracy.high, one.sets[2].scores.accuracy);
  EXPECT_EQ(one.missing, 10);
  EXPECT_TRUE(std::isnan(one.predicted(0, 0)));
  ASSERT_EQ(one.coefficients.size(), 3u);
  EXPECT_EQ(one.coefficients[0].of_class, 2u);
  EXPECT_GT(one.coefficients[0].per_deviation, 1);
  ASSERT_TRUE(one.held_out.has_value());
  EXPECT_EQ(one.held_out->scores.count, one.held_out_customers);
  const Classification many = fit_classification(settings, kind, inputs, 17, 4);
  EXPECT_EQ((one.predicted.bottomRows(290) - many.predicted.bottomRows(290)).cwiseAbs().maxCoeff(), 0);
}

TEST(FeatureSets, GroupsAloneAndTogether) {
  RegressionInputs inputs;
  const CustomerColumn age{"age", true, {1, 2, 3}, {}, {}, "age"},
      texts{"texts", true, {5, 1, 1}, {}, {}, "texts"};
  inputs.attributes = attribute_features({age});
  inputs.behaviour = behaviour_features({texts});
  Matrix shares(3, 3);
  shares << 0.6, 0.3, 0.1, 0.5, 0.1, 0.4, std::nan(""), std::nan(""), std::nan("");
  inputs.topics = topic_features(shares);
  inputs.predictions = FeatureTable{{}, Matrix(3, 0)};
  inputs.components = Matrix::Ones(3, 2);
  EXPECT_EQ(inputs.topics.features.size(), 2u);  // beside the largest
  EXPECT_EQ(inputs.topics.features[0].name, "topic 2");
  EXPECT_EQ(inputs.topics.features[0].reference, "topic 1");
  const auto sets = feature_sets(inputs, {"attributes", "texts", "topics", "behaviour"}, "t");
  ASSERT_EQ(sets.size(), 5u);
  EXPECT_EQ(sets[4].name, "attributes, behaviour, texts and topics");
  const Indices customers{2, 0};
  const Matrix rows = all_rows(Design(sets[4], customers, 1));
  EXPECT_EQ(rows.row(1), (Eigen::RowVectorXd(5) << 1, 5, 0.3, 0.1, 1).finished());
  EXPECT_TRUE(std::isnan(rows(0, 2)));
  EXPECT_EQ(feature_sets(inputs, {"topics"}, "t").size(), 1u);
  inputs.topics = {};
  const auto [code, message] = error_of([&] { feature_sets(inputs, {"texts", "topics"}, "t"); });
  EXPECT_EQ(code, ExitCode::bad_data);
  EXPECT_NE(message.find("topics"), std::string::npos) << message;
  EXPECT_EQ(error_of([&] { feature_sets(inputs, {}, "t"); }).first, ExitCode::bad_data);
}

}  // namespace
}  // namespace limner
