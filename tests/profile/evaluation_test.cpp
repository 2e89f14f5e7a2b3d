// Scores, calibration, decisions and associations, against scikit-learn, SciPy and pandas on three public
// data sets (reference_models.py), and by hand.
#include <cmath>

#include "profile/associations.h"
#include "profile/calibration.h"
#include "profile/decisions.h"
#include "profile/intervals.h"
#include "tests/profile/reference.h"

namespace limner {
namespace {

std::vector<double> list_in(const Json& json) { return json.get<std::vector<double>>(); }

class Evaluation : public testing::TestWithParam<const char*> {
 protected:
  const Json& expected = model_reference().at(GetParam());
  std::vector<double> labels = list_in(expected.at("labels"));
  std::vector<double> chances = list_in(expected.at("calibration").at("chances"));
};

TEST_P(Evaluation, ScoresEqualScikitLearn) {
  const ProbabilityScores ours = score_probabilities(labels, chances, chances);
  const Json& theirs = expected.at("scores");
  EXPECT_NEAR(ours.precision, theirs.at("precision").get<double>(), 1e-12);
  EXPECT_NEAR(ours.recall, theirs.at("recall").get<double>(), 1e-12);
  EXPECT_NEAR(ours.f1, theirs.at("f1").get<double>(), 1e-12);
  EXPECT_NEAR(ours.accuracy, theirs.at("accuracy").get<double>(), 1e-12);
  EXPECT_NEAR(ours.auc, theirs.at("auc").get<double>(), 1e-12);
  EXPECT_NEAR(ours.pr_auc, theirs.at("pr_auc").get<double>(), 1e-12);
  EXPECT_NEAR(ours.brier, theirs.at("brier").get<double>(), 1e-12);
  EXPECT_NEAR(ours.log_loss, theirs.at("log_loss").get<double>(), 1e-10);
}

TEST_P(Evaluation, ScoresOfNumbersEqualScikitLearn) {
  const std::vector<double> target = list_in(expected.at("target"));
  const double mean = vector_of(expected.at("target")).mean();
  const NumberScores ours =
      score_numbers(target, list_in(expected.at("ridge")), std::vector<double>(target.size(), mean));
  const Json& theirs = expected.at("number_scores");
  EXPECT_NEAR(ours.r2, theirs.at("r2").get<double>(), 1e-10);
  for (const auto& [name, value] : {std::pair("rmse", ours.rmse), std::pair("mae", ours.mae),
                                    std::pair("baseline_rmse", ours.baseline_rmse)}) {
    EXPECT_NEAR(value, theirs.at(name).get<double>(), 1e-10 * theirs.at("baseline_rmse").get<double>())
        << name;
  }
}

TEST_P(Evaluation, CalibrationEqualsScikitLearnAndSciPy) {
  const Json& theirs = expected.at("calibration");
  EXPECT_NEAR(calibration_error(labels, chances), theirs.at("error").get<double>(), 1e-12);
  const Calibration platt = fit_calibration("platt", labels, chances);
  EXPECT_NEAR(platt.slope, theirs.at("platt")[0].get<double>(), 1e-5);
  EXPECT_NEAR(platt.offset, theirs.at("platt")[1].get<double>(), 1e-5);
  const Calibration temperature = fit_calibration("temperature", labels, chances);
  EXPECT_NEAR(temperature.slope, theirs.at("temperature").get<double>(), 1e-5);
  EXPECT_EQ(temperature.offset, 0);
  const Calibration isotonic = fit_calibration("isotonic", labels, chances);
  const std::vector<double> ours = isotonic.apply(list_in(theirs.at("grid")));
  for (size_t i = 0; i < ours.size(); ++i) EXPECT_NEAR(ours[i], theirs.at("isotonic")[i].get<double>(), 1e-9);
  for (const Calibration& calibration : {platt, temperature, isotonic}) {
    // What each of them minimises, but for Platt's smoothing of the targets.
    EXPECT_LT(score_probabilities(labels, calibration.apply(chances), chances).log_loss,
              expected.at("scores").at("log_loss").get<double>() + 0.01);
    const Calibration again = read_calibration(Json::parse(to_json(calibration).dump()));
    EXPECT_EQ(again.apply(chances), calibration.apply(chances));
  }
}

TEST_P(Evaluation, AssociationsEqualSciPy) {
  const Matrix features = matrix_of(expected.at("features"));
  FeatureTable table{std::vector<Feature>(static_cast<size_t>(features.cols())), features};
  const std::vector<Association> ours = associate(table, vector_of(expected.at("target")));
  for (size_t i = 0; i < ours.size(); ++i) {
    const Json& theirs = expected.at("associations")[i];
    EXPECT_NEAR(ours[i].pearson, theirs.at("pearson").get<double>(), 1e-10);
    EXPECT_NEAR(ours[i].spearman, theirs.at("spearman").get<double>(), 1e-10);
    EXPECT_NEAR(ours[i].mutual_information, theirs.at("mutual_information").get<double>(), 1e-10);
  }
}

TEST_P(Evaluation, DecilesEqualPandas) {
  const std::vector<LiftGroup> ours = lift_by_decile(labels, chances);
  ASSERT_EQ(ours.size(), 10u);
  for (size_t i = 0; i < ours.size(); ++i) {
    EXPECT_NEAR(ours[i].observed, expected.at("deciles").at("share")[i].get<double>(), 1e-10);
    EXPECT_NEAR(ours[i].lift, expected.at("deciles").at("lift")[i].get<double>(), 1e-10);
    EXPECT_NEAR(ours[i].gain, expected.at("deciles").at("gain")[i].get<double>(), 1e-10);
  }
}

TEST_P(Evaluation, ThresholdHasTheLeastCost) {
  CostSettings costs;
  costs.false_negative = 5;
  const Decision decision = choose_threshold(labels, chances, costs);
  EXPECT_NEAR(decision.cost, expected.at("least_cost").get<double>(), 1e-12);
  EXPECT_LE(decision.cost, std::min({decision.cost_at_half, decision.cost_of_all, decision.cost_of_none}));
}

TEST_P(Evaluation, IntervalsHoldTheScoreAndDoNotDependOnThreads) {
  const ScoreIntervals one = bootstrap_probabilities(labels, chances, 17, 1);
  const ScoreIntervals many = bootstrap_probabilities(labels, chances, 17, 3);
  EXPECT_EQ(one.auc.low, many.auc.low);
  const double auc = expected.at("scores").at("auc").get<double>();
  EXPECT_LT(one.auc.low, auc);
  EXPECT_GT(one.auc.high, auc);
  EXPECT_GT(one.auc.low, 0.5);
}

INSTANTIATE_TEST_SUITE_P(Data, Evaluation, testing::Values("diabetes", "cancer", "wine"));

TEST(Intervals, OfAMeanAreTheNormalOnes) {
  std::vector<double> observed, predicted, baseline;
  const Matrix noise = random_matrix(2000, 1, 4);
  for (int64_t i = 0; i < 2000; ++i) {
    observed.push_back(0);
    predicted.push_back(noise(i, 0));
    baseline.push_back(1);
  }
  const ScoreIntervals intervals = bootstrap_numbers(observed, predicted, baseline, 17, 2);
  // The mean of |x| of a normal x is 0.798 with deviation 0.603.
  EXPECT_NEAR(intervals.mae.high - intervals.mae.low, 2 * 1.96 * 0.603 / std::sqrt(2000), 0.006);
  EXPECT_NEAR((intervals.mae.high + intervals.mae.low) / 2, 0.798, 0.03);
}

TEST(Calibration, OutOfFoldDoesNotSeeItsOwnCustomer) {
  // Within each fold outcomes are turned round, so what the other fold teaches is wrong.
  const std::vector<double> chances{0.2, 0.8, 0.2, 0.8, 0.2, 0.8, 0.2, 0.8}, seen{0, 1, 0, 1, 1, 0, 1, 0};
  const std::vector<int64_t> folds{0, 0, 0, 0, 1, 1, 1, 1};
  const std::vector<double> corrected = calibrate_out_of_fold("platt", seen, chances, folds);
  EXPECT_GT(corrected[0], corrected[1]);
  EXPECT_LT(corrected[4], corrected[5]);
  EXPECT_EQ(calibrate_out_of_fold("none", seen, chances, folds), chances);
}

TEST(Calibration, CertainPredictionsStayFinite) {
  const std::vector<double> chances{0, 0, 1, 1, 0, 1}, seen{0, 0, 1, 1, 1, 0};
  for (const char* method : {"platt", "isotonic", "temperature"}) {
    for (const double value : fit_calibration(method, seen, chances).apply(chances))
      EXPECT_TRUE(value >= 0 && value <= 1) << method;
  }
}

TEST(Decisions, ByHand) {
  CostSettings costs;
  costs.false_positive = 1;
  costs.false_negative = 3;
  costs.true_positive = -2;
  const Decision decision = choose_threshold({1, 0, 1, 0}, {0.9, 0.6, 0.4, 0.1}, costs);
  EXPECT_DOUBLE_EQ(decision.threshold, 0.4);
  EXPECT_EQ(decision.selected, 3);
  EXPECT_DOUBLE_EQ(decision.cost, (-2 + 1 - 2) / 4.0);
  EXPECT_DOUBLE_EQ(decision.cost_at_half, (-2 + 1 + 3) / 4.0);
  EXPECT_DOUBLE_EQ(decision.cost_of_all, (-2 * 2 + 2) / 4.0);
  EXPECT_DOUBLE_EQ(decision.cost_of_none, 6 / 4.0);
  costs.false_positive = 100;
  costs.false_negative = 0;
  costs.true_positive = 1;
  EXPECT_TRUE(std::isinf(choose_threshold({1, 0}, {0.4, 0.9}, costs).threshold));
}

TEST(Associations, ConstantColumnsHaveNoCorrelation) {
  EXPECT_TRUE(std::isnan(pearson_correlation({1, 1, 1}, {1, 2, 3})));
  EXPECT_EQ(mutual_information({1, 1, 1}, {1, 2, 3}), 0);
  EXPECT_EQ(mean_ranks({5, 1, 5}), (std::vector<double>{2.5, 1, 2.5}));
}

}  // namespace
}  // namespace limner
