#include "profile/fairness.h"

#include <cmath>

#include "tests/profile/reference.h"

namespace limner {
namespace {

const double nan = std::nan("");

const Gap& gap(const GroupComparison& comparison, const std::string& measure) {
  for (const Gap& entry : comparison.gaps) {
    if (entry.measure == measure) return entry;
  }
  fail(ExitCode::internal, "no gap {}", measure);
}

// 48 customers in two large groups and one of four, the last without target.
Regression example(const std::string& kind) {
  Regression regression;
  regression.settings.kind = kind;
  if (kind == "logistic") regression.target.outcome = Outcome::two_classes;
  regression.target.name = "spend";
  for (int i = 0; i < 48; ++i) {
    const bool north = i < 24;
    regression.target.values.push_back(i == 47 ? nan : kind == "ridge" ? i : i % 2);
    regression.predicted.push_back(i == 47           ? nan
                                   : kind == "ridge" ? i + (north ? 2 : 1)
                                   : north           ? i % 2
                                                     : 0.25);
    regression.baseline.push_back(kind == "ridge" ? 10 : 0.5);
  }
  return regression;
}

CustomerColumn groups() {
  CustomerColumn column{"region", false, {}, {}, {"north", "south", "tiny"}, {}};
  for (int i = 0; i < 48; ++i) column.codes.push_back(i < 24 ? 0 : i < 44 ? 1 : 2);
  return column;
}

TEST(Fairness, NumbersByGroup) {
  const GroupComparison result = compare_groups(groups(), example("ridge"));
  ASSERT_EQ(result.groups.size(), 3u);
  EXPECT_EQ(result.groups[0].group, "north");
  EXPECT_EQ(result.groups[0].customers, 24);
  EXPECT_EQ(result.groups[2].customers, 3);  // the fourth has no target
  EXPECT_DOUBLE_EQ(result.groups[0].number.bias, 2);
  EXPECT_DOUBLE_EQ(gap(result, "bias").value, 1);
  EXPECT_EQ(gap(result, "bias").highest, "north");
  EXPECT_DOUBLE_EQ(gap(result, "RMSE").value, 1);
  EXPECT_DOUBLE_EQ(gap(result, "mean outcome").value, 33.5 - 11.5);  // the tiny group is not compared
}

TEST(Fairness, ProbabilitiesByGroup) {
  const GroupComparison result = compare_groups(groups(), example("logistic"));
  EXPECT_DOUBLE_EQ(result.groups[0].true_positive_rate, 1);
  EXPECT_DOUBLE_EQ(result.groups[0].false_positive_rate, 0);
  EXPECT_DOUBLE_EQ(result.groups[1].true_positive_rate, 0);
  EXPECT_NEAR(gap(result, "accuracy").value, 0.5, 1e-12);
  EXPECT_NEAR(gap(result, "AUC").value, 0.5, 1e-12);
  EXPECT_NEAR(gap(result, "share selected").value, 0.5, 1e-12);
}

TEST(Fairness, MissingGroupsAreAGroup) {
  CustomerColumn column = groups();
  for (size_t i = 0; i < 13; ++i) column.codes[i] = -1;
  const GroupComparison result = compare_groups(column, example("ridge"));
  EXPECT_EQ(result.groups[1].group, "missing");
  EXPECT_TRUE(std::isnan(gap(result, "RMSE").value));  // only `south` has twenty
}

TEST(Fairness, NumbersAreNoGroups) {
  EXPECT_EQ(error_of([] {
              compare_groups({"age", true, {1, 2}, {}, {}, {}}, example("ridge"));
            }).first,
            ExitCode::bad_config);
}

}  // namespace
}  // namespace limner
