#include "train/labels.h"

#include <cmath>

#include "tests/train/synthetic_run.h"

namespace limner::testing {
namespace {

class LabelsTest : public ::testing::Test {
 protected:
  LabelsTest() : synthetic(folder.path()), prepared(synthetic.run().prepared()) {
    split = prepared.split(0, prepared.rows());
  }
  TemporaryFolder folder;
  SyntheticRun synthetic;
  PreparedReader prepared;
  std::vector<Split> split;
};

TEST_F(LabelsTest, ClassesAndMissingLabels) {
  const Labels labels(prepared, {{.name = "s", .field = "sentiment"}}, split);
  EXPECT_EQ(labels.heads()[0].classes, (std::vector<std::string>{"bad", "good"}));
  EXPECT_TRUE(labels.heads()[0].class_weight.empty());
  const std::vector<HeadLabels> rows = labels.of_rows(std::vector<int64_t>{16, 0});
  EXPECT_EQ(rows[0].classes[0], -1);
  EXPECT_GE(rows[0].classes[1], 0);
}

TEST_F(LabelsTest, NumbersAsClassesAreSortedAndShort) {
  const Labels labels(prepared, {{.name = "s", .field = "stars"}}, split);
  EXPECT_EQ(labels.heads()[0].classes, (std::vector<std::string>{"1", "3"}));
  const std::vector<HeadLabels> rows = labels.of_rows(std::vector<int64_t>{28});
  EXPECT_EQ(rows[0].classes[0], -1);
  EXPECT_EQ(shortest_form(0.1), "0.1");
  EXPECT_EQ(shortest_form(-0.0), "0");
  EXPECT_EQ(shortest_form(12.0), "12");
}

TEST_F(LabelsTest, AutoClassWeightsCountTrainingRowsOnly) {
  const Labels labels(prepared, {{.name = "t", .field = "topic", .class_weight = "auto"}}, split);
  std::vector<double> counts(3, 0.0);
  double total = 0.0;
  std::vector<int64_t> all;
  for (int64_t row = 0; row < prepared.rows(); ++row) all.push_back(row);
  const std::vector<HeadLabels> rows = labels.of_rows(all);
  for (size_t row = 0; row < split.size(); ++row) {
    if (split[row] != Split::train) continue;
    counts[static_cast<size_t>(rows[0].classes[row])] += 1.0;
    total += 1.0;
  }
  for (size_t c = 0; c < 3; ++c) {
    EXPECT_NEAR(labels.heads()[0].class_weight[c], total / (3.0 * counts[c]), 1e-6);
  }
}

TEST_F(LabelsTest, MultiLabelRowsAndMissingOnes) {
  const Labels labels(prepared,
                      {{.name = "tags", .field = "tags", .kind = "multi_label"},
                       {.name = "topic", .field = "topic", .kind = "multi_label"}},
                      split);
  const std::vector<HeadLabels> rows = labels.of_rows(std::vector<int64_t>{22, 3});
  ASSERT_EQ(rows[0].targets.size(), 8u);
  for (size_t c = 0; c < 4; ++c) EXPECT_TRUE(std::isnan(rows[0].targets[c]));
  float ones = 0.0f;
  for (size_t c = 4; c < 7; ++c) ones += rows[0].targets[c];
  EXPECT_EQ(ones, 1.0f) << "one topic a row";
  ASSERT_EQ(rows[1].targets.size(), 6u);
}

TEST_F(LabelsTest, RegressionScaleIsThatOfTrainingRows) {
  const Labels labels(prepared,
                      {{.name = "age", .field = "age", .kind = "regression"},
                       {.name = "raw", .field = "age", .kind = "regression", .standardize = "no"}},
                      split);
  double sum = 0.0, squares = 0.0, count = 0.0;
  const std::vector<double> ages = prepared.values("age", 0, prepared.rows()).numbers;
  for (size_t row = 0; row < split.size(); ++row) {
    if (split[row] != Split::train) continue;
    sum += ages[row];
    squares += ages[row] * ages[row];
    count += 1.0;
  }
  const HeadSpec& head = labels.heads()[0];
  EXPECT_NEAR(head.target_mean, sum / count, 1e-9);
  EXPECT_NEAR(head.target_scale, std::sqrt(squares / count - sum * sum / count / count), 1e-6);
  EXPECT_EQ(labels.heads()[1].target_scale, 1.0);
  EXPECT_NEAR(labels.training_mean(1), sum / count, 1e-9);
}

TEST_F(LabelsTest, Refusals) {
  const auto make = [&](const HeadSettings& head) { Labels(prepared, {head}, split); };
  expect_error(ExitCode::bad_config, {"colour", "sentiment"},
               [&] { make({.name = "c", .field = "colour"}); });
  expect_error(ExitCode::bad_config, {"'r'", "number", "topic"},
               [&] { make({.name = "r", .field = "topic", .kind = "regression"}); });
  expect_error(ExitCode::bad_config, {"tags", "multi_category"},
               [&] { make({.name = "t", .field = "tags"}); });
  expect_error(ExitCode::bad_config, {"a/b"}, [&] { make({.name = "a/b", .field = "topic"}); });
  expect_error(ExitCode::bad_config, {"two heads", "'x'"}, [&] {
    Labels(prepared, {{.name = "x", .field = "topic"}, {.name = "x", .field = "tags"}}, split);
  });
}

TEST(Labels, OneClassOrOneValueIsRefused) {
  TemporaryFolder folder;
  SyntheticRun synthetic(folder.path(), {.one_class = true});
  const PreparedReader prepared(synthetic.run().prepared());
  const std::vector<Split> split = prepared.split(0, prepared.rows());
  expect_error(ExitCode::bad_data, {"only one class", "sentiment", "good"},
               [&] { Labels(prepared, {{.name = "s", .field = "sentiment"}}, split); });
  expect_error(ExitCode::bad_data, {"same value", "stars"},
               [&] { Labels(prepared, {{.name = "s", .field = "stars", .kind = "regression"}}, split); });
}

TEST(Labels, TooManyNumbersForClasses) {
  std::vector<double> numbers;
  for (int i = 0; i <= most_number_classes; ++i) numbers.push_back(0.5 * i);
  expect_error(ExitCode::bad_config, {"regression"},
               [&] { number_classes(numbers, {.name = "n", .field = "f"}); });
}

}  // namespace
}  // namespace limner::testing
