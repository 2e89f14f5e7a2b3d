#include "train/metrics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "runtime/random.h"

namespace limner {
namespace {

constexpr float nan = std::numeric_limits<float>::quiet_NaN();

// Labels 0 0 0 1 1 2, one missing; predictions 0 0 1 1 0 2.
TEST(Metrics, SingleLabelByHand) {
  const std::vector<int32_t> labels{0, 0, 0, 1, 1, 2, -1};
  const std::vector<float> probabilities{0.8f, 0.1f, 0.1f, 0.6f, 0.3f, 0.1f, 0.2f, 0.7f, 0.1f, 0.1f, 0.8f,
                                         0.1f, 0.5f, 0.3f, 0.2f, 0.1f, 0.2f, 0.7f, 1.0f, 0.0f, 0.0f};
  const HeadMetrics metrics = single_label_metrics(labels, probabilities, 3);
  EXPECT_EQ(metrics.count, 6);
  EXPECT_DOUBLE_EQ(metrics.accuracy, 4.0 / 6);
  EXPECT_EQ(metrics.confusion, (std::vector<std::vector<int64_t>>{{2, 1, 0}, {1, 1, 0}, {0, 0, 1}}));
  EXPECT_DOUBLE_EQ(metrics.per_class[0].precision, 2.0 / 3);
  EXPECT_DOUBLE_EQ(metrics.per_class[0].recall, 2.0 / 3);
  EXPECT_DOUBLE_EQ(metrics.per_class[1].precision, 0.5);
  EXPECT_DOUBLE_EQ(metrics.per_class[1].f1, 0.5);
  EXPECT_EQ(metrics.per_class[0].support, 3);
  EXPECT_DOUBLE_EQ(metrics.macro_f1, (2.0 / 3 + 0.5 + 1.0) / 3);
  EXPECT_TRUE(std::isnan(metrics.auc));
  EXPECT_TRUE(std::isnan(metrics.micro_f1));
}

// A class that neither occurs nor is predicted is no part of the macro mean; one that is only predicted is.
TEST(Metrics, MacroMeanIsOverClassesThatOccur) {
  const std::vector<int32_t> labels{0, 0};
  const std::vector<float> absent{1, 0, 0, 1, 0, 0};
  EXPECT_DOUBLE_EQ(single_label_metrics(labels, absent, 3).macro_f1, 1.0);
  const std::vector<float> predicted{1, 0, 0, 0, 1, 0};
  const HeadMetrics metrics = single_label_metrics(labels, predicted, 3);
  EXPECT_DOUBLE_EQ(metrics.macro_f1, (2.0 / 3 + 0.0) / 2);
}

TEST(Metrics, EmptyIsUndefinedNotZero) {
  const HeadMetrics metrics = single_label_metrics({}, {}, 2);
  EXPECT_EQ(metrics.count, 0);
  EXPECT_TRUE(std::isnan(metrics.accuracy));
  EXPECT_TRUE(std::isnan(metrics.macro_f1));
  EXPECT_TRUE(std::isnan(metrics.auc));
}

TEST(Metrics, AreaUnderCurveIsTheShareOfOrderedPairs) {
  for (const size_t rows : {size_t{2}, size_t{7}, size_t{101}}) {
    const Random random(3, "scores", rows);
    std::vector<float> scores;
    std::vector<uint8_t> positive;
    for (size_t row = 0; row < rows; ++row) {
      scores.push_back(static_cast<float>(random.below(row, 9)) / 8.0f);  // many ties
      positive.push_back(row == 0 || (row != 1 && random.below(1000 + row, 3) == 0) ? 1 : 0);
    }
    double ordered = 0.0;
    int64_t pairs = 0;
    for (size_t a = 0; a < rows; ++a) {
      for (size_t b = 0; b < rows; ++b) {
        if (positive[a] == 0 || positive[b] != 0) continue;
        ++pairs;
        ordered += scores[a] > scores[b] ? 1.0 : scores[a] == scores[b] ? 0.5 : 0.0;
      }
    }
    EXPECT_NEAR(area_under_curve(scores, positive), ordered / static_cast<double>(pairs), 1e-12);
  }
  EXPECT_TRUE(std::isnan(area_under_curve(std::vector<float>{0.1f, 0.2f}, std::vector<uint8_t>{1, 1})));
}

TEST(Metrics, MultiLabelByHand) {
  // Two classes, four rows, one of them missing.
  const std::vector<float> targets{1, 0, 1, 1, nan, nan, 0, 0};
  const std::vector<float> probabilities{0.9f, 0.2f, 0.6f, 0.4f, 0.9f, 0.9f, 0.5f, 0.1f};
  const HeadMetrics metrics = multi_label_metrics(targets, probabilities, 2);
  EXPECT_EQ(metrics.count, 3);
  EXPECT_DOUBLE_EQ(metrics.accuracy, 1.0 / 3);
  EXPECT_DOUBLE_EQ(metrics.per_class[0].precision, 2.0 / 3);
  EXPECT_DOUBLE_EQ(metrics.per_class[0].recall, 1.0);
  EXPECT_DOUBLE_EQ(metrics.per_class[1].f1, 0.0);
  EXPECT_DOUBLE_EQ(metrics.micro_f1, 2.0 * 2 / (3 + 3));
  EXPECT_DOUBLE_EQ(metrics.macro_f1, (0.8 + 0.0) / 2);
}

TEST(Metrics, RegressionByHand) {
  const std::vector<float> targets{1, 2, nan, 6};
  const std::vector<float> predictions{2, 2, 100, 4};
  const HeadMetrics metrics = regression_metrics(targets, predictions, 4.0);
  EXPECT_EQ(metrics.count, 3);
  EXPECT_DOUBLE_EQ(metrics.rmse, std::sqrt(5.0 / 3));
  EXPECT_DOUBLE_EQ(metrics.mae, 1.0);
  EXPECT_DOUBLE_EQ(metrics.r2, 1.0 - 5.0 / 14.0);
  EXPECT_DOUBLE_EQ(metrics.baseline_rmse, std::sqrt((9.0 + 4.0 + 4.0) / 3));
}

TEST(Metrics, JsonHasWhatTheKindHas) {
  HeadMetrics metrics = single_label_metrics(std::vector<int32_t>{0, 1}, std::vector<float>{1, 0, 0, 1}, 2);
  metrics.name = "sentiment";
  metrics.classes = {"bad", "good"};
  const Json json = metrics_json(metrics);
  EXPECT_EQ(json["per_class"][1]["class"], "good");
  EXPECT_EQ(json["confusion"], Json::parse("[[1,0],[0,1]]"));
  EXPECT_EQ(json["auc"], 1.0);
  EXPECT_TRUE(json["loss"].is_null());
  EXPECT_FALSE(json.contains("rmse"));
  EXPECT_TRUE(metrics_json(regression_metrics({}, {}, 0.0))["rmse"].is_null());
}

}  // namespace
}  // namespace limner
