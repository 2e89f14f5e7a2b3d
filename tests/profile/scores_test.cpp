#include "profile/scores.h"

#include <cmath>

#include "tests/profile/reference.h"

namespace limner {
namespace {

std::vector<double> list(const char* name) { return reference().at(name).get<std::vector<double>>(); }

TEST(Scores, NumbersByHand) {
  const NumberScores scores = score_numbers({1, 2, 3}, {1, 3, 5}, {2, 2, 2});
  EXPECT_EQ(scores.count, 3);
  EXPECT_DOUBLE_EQ(scores.r2, 1 - 5.0 / 2);
  EXPECT_DOUBLE_EQ(scores.rmse, std::sqrt(5.0 / 3));
  EXPECT_DOUBLE_EQ(scores.mae, 1);
  EXPECT_DOUBLE_EQ(scores.bias, 1);
  EXPECT_DOUBLE_EQ(scores.baseline_mae, 2.0 / 3);
}

TEST(Scores, AConstantTargetHasNoR2) { EXPECT_TRUE(std::isnan(score_numbers({2, 2}, {1, 2}, {2, 2}).r2)); }

TEST(Scores, AucAndLogLossEqualScikitLearn) {
  EXPECT_NEAR(area_under_curve(list("labels"), list("scores")), reference().at("auc").get<double>(), 1e-12);
  const ProbabilityScores scores = score_probabilities(list("labels"), list("chances"), list("chances"));
  EXPECT_NEAR(scores.log_loss, reference().at("log_loss").get<double>(), 1e-12);
  EXPECT_DOUBLE_EQ(scores.auc, area_under_curve(list("labels"), list("chances")));
}

TEST(Scores, AucByHand) {
  EXPECT_DOUBLE_EQ(area_under_curve({0, 0, 1, 1}, {1, 2, 3, 4}), 1);
  EXPECT_DOUBLE_EQ(area_under_curve({1, 1, 0, 0}, {1, 2, 3, 4}), 0);
  EXPECT_DOUBLE_EQ(area_under_curve({0, 1, 0, 1}, {5, 5, 5, 5}), 0.5);
  EXPECT_TRUE(std::isnan(area_under_curve({1, 1}, {0.2, 0.4})));
}

TEST(Scores, ProbabilitiesByHand) {
  const ProbabilityScores scores =
      score_probabilities({1, 0, 1, 0}, {0.9, 0.4, 0.3, 0.5}, {0.5, 0.5, 0.5, 0.5});
  EXPECT_DOUBLE_EQ(scores.accuracy, 0.5);  // 0.5 counts as positive
  EXPECT_DOUBLE_EQ(scores.positive_share, 0.5);
  EXPECT_NEAR(scores.brier, (0.01 + 0.16 + 0.49 + 0.25) / 4, 1e-12);
  EXPECT_DOUBLE_EQ(scores.baseline_brier, 0.25);
  EXPECT_NEAR(scores.baseline_log_loss, std::log(2), 1e-12);
  const ProbabilityScores certain = score_probabilities({1}, {0}, {1});
  EXPECT_TRUE(std::isfinite(certain.log_loss));
}

}  // namespace
}  // namespace limner
