#include "profile/features.h"

#include <cmath>

#include "tests/profile/reference.h"

namespace limner {
namespace {

std::vector<std::string> names(const FeatureTable& table) {
  std::vector<std::string> result;
  for (const Feature& feature : table.features) result.push_back(feature.name);
  return result;
}

CustomerColumn number(const std::string& name, std::vector<double> values) {
  return {name, true, values, {}, {}, name};
}
CustomerColumn category(const std::string& name, std::vector<int32_t> codes,
                        std::vector<std::string> categories) {
  return {name, false, {}, codes, categories, name};
}

TEST(Features, CategoriesAgainstTheMostFrequent) {
  const FeatureTable table =
      attribute_features({category("region", {0, 2, 2, 1, 2, 1}, {"east", "north", "south"})}, 1);
  ASSERT_EQ(names(table), (std::vector<std::string>{"region = north", "region = east"}));
  EXPECT_EQ(table.features[0].reference, "south");
  EXPECT_EQ(table.values(3, 0), 1);
  EXPECT_EQ(table.values.col(0).sum(), 2);
  EXPECT_EQ(table.values.col(1).sum(), 1);
}

TEST(Features, RareCategoriesJoinTheReference) {
  const FeatureTable table = attribute_features({category("region", {0, 0, 0, 1, 1, 2}, {"a", "b", "c"})}, 2);
  EXPECT_EQ(names(table), std::vector<std::string>{"region = b"});
}

TEST(Features, MissingValuesAreTold) {
  const double nan = std::nan("");
  const FeatureTable table = attribute_features(
      {number("age", {30, nan, 50}), number("same", {1, 1, 1}), category("sex", {0, -1, -1}, {"f"})}, 1);
  ASSERT_EQ(names(table), (std::vector<std::string>{"age", "age missing", "sex = f"}));
  EXPECT_TRUE(std::isnan(table.values(1, 0)));
  EXPECT_EQ(table.values(1, 1), 1);
  EXPECT_EQ(table.features[2].reference, "missing");
}

TEST(Features, NumberMissingForAllIsLeftOut) {
  const double nan = std::nan("");
  EXPECT_TRUE(attribute_features({number("age", {nan, nan})}).features.empty());
}

TEST(Features, PredictionsLeaveOutTheCommonestClass) {
  Matrix shares(2, 3);
  shares << 0.2, 0.5, 0.3, 0.1, 0.7, 0.2;
  Matrix rating(2, 1);
  rating << 3.5, 4.5;
  const FeatureTable table = prediction_features({{"mood", "single_label", {"bad", "good", "odd"}, shares},
                                                  {"rating", "regression", {"rating"}, rating}});
  EXPECT_EQ(names(table),
            (std::vector<std::string>{"predicted mood = bad", "predicted mood = odd", "predicted rating"}));
  EXPECT_EQ(table.features[0].reference, "good");
  EXPECT_EQ(join(table, FeatureTable{}).values, table.values);
  EXPECT_EQ(join(table, table).values.cols(), 6);
}

}  // namespace
}  // namespace limner
