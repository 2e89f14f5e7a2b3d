// The demo's tables: their dirt is found, their causes are there.
#include "cli/demo_data.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/prepare/prepare_testing.h"

namespace limner::testing {
namespace {

class DemoData : public PrepareTest {
 protected:
  void SetUp() override { write_demo_data(folder.path(), 17, 600); }
  void prepare_it() const {
    run(R"(
  sources:
    - path: $/reviews.csv
      fields: {customer: customer_id, text: review, time: created_at, item: product, sentiment: label, category: category}
    - path: $/customers.jsonl
      fields: {customer: id, region: region, age: age, spend: spend_next_quarter, churned: churned}
  split: {by: customer}
)");
  }
};

double correlation(const std::vector<double>& a, const std::vector<double>& b) {
  const auto count = static_cast<double>(a.size());
  double sum_a = 0, sum_b = 0, aa = 0, bb = 0, ab = 0;
  for (size_t index = 0; index < a.size(); ++index) {
    sum_a += a[index];
    sum_b += b[index];
    aa += a[index] * a[index];
    bb += b[index] * b[index];
    ab += a[index] * b[index];
  }
  return (ab / count - sum_a / count * sum_b / count) /
         std::sqrt((aa / count - sum_a / count * sum_a / count) *
                   (bb / count - sum_b / count * sum_b / count));
}

TEST_F(DemoData, TheSameSeedGivesTheSameBytes) {
  const TestFolder other;
  write_demo_data(other.path(), 17, 600);
  for (const char* name : {"reviews.csv", "customers.jsonl", "events.csv"}) {
    EXPECT_EQ(read_bytes(folder / name), read_bytes(other / name));
  }
  write_demo_data(other.path(), 18, 600);
  EXPECT_NE(read_bytes(folder / "reviews.csv"), read_bytes(other / "reviews.csv"));
}

TEST_F(DemoData, DirtIsFound) {
  prepare_it();
  const Json report = quality();
  EXPECT_GT(report.at("rows").at("prepared"), 5500);
  EXPECT_GE(report.at("rows").at("duplicates"), 20);
  for (const char* reason : {"empty text", "wrong number of fields", "broken UTF-8", "bad time"}) {
    EXPECT_GE(report.at("rejected").at(reason), 5) << reason;
  }
  EXPECT_EQ(report.at("customers").at("count"), 600);
  EXPECT_EQ(report.at("customers").at("orphans"), 8);
  EXPECT_EQ(report.at("customers").at("without_texts"), 12);
  EXPECT_EQ(report.at("sources").at(1).at("duplicates"), 1);
  EXPECT_EQ(report.at("sources").at(1).at("rejected_by_reason").at("malformed JSON"), 1);
  EXPECT_GT(report.at("text").at("languages").at("han"), 0.4);
  EXPECT_GT(report.at("text").at("languages").at("latin"), 0.3);
  EXPECT_EQ(prepared().field("category").categories.size(), 5u);
  EXPECT_EQ(prepared().field("sentiment").categories.size(), 2u);
  EXPECT_EQ(prepared().field("churned").categories.size(), 2u);
  for (const std::string& text : prepared().texts(0, prepared().rows())) {
    for (const char* dirt : {"<br", "&nbsp;", "https:", "\xe2\x80\x8b", "\xef\xbb\xbf", "\n"}) {
      ASSERT_EQ(text.find(dirt), std::string::npos) << dirt;
    }
  }
}

TEST_F(DemoData, CausesCanBeFoundAgain) {
  prepare_it();
  const PreparedReader table = prepared();
  const auto customer = table.customer_index(0, table.rows());
  const auto sentiment = table.values("sentiment", 0, table.rows()).codes;  // negative, positive
  const auto count = static_cast<size_t>(table.customers());
  std::vector<double> positive(count, 0), total(count, 0);
  for (size_t row = 0; row < customer.size(); ++row) {
    if (sentiment[row] < 0) continue;
    positive[static_cast<size_t>(customer[row])] += sentiment[row];
    total[static_cast<size_t>(customer[row])] += 1;
  }
  const auto spend = table.customer_values("spend").numbers;
  const auto churned = table.customer_values("churned").codes;
  const auto region = table.customer_values("region").codes;
  const auto west = static_cast<int32_t>(
      std::find(table.field("region").categories.begin(), table.field("region").categories.end(), "west") -
      table.field("region").categories.begin());
  std::vector<double> shares, spends, churns, in_west;
  for (size_t index = 0; index < count; ++index) {
    if (std::isnan(spend[index]) || total[index] == 0) continue;
    shares.push_back(positive[index] / total[index]);
    spends.push_back(spend[index]);
    churns.push_back(churned[index]);
    in_west.push_back(region[index] == west ? 1 : 0);
  }
  EXPECT_GT(correlation(shares, spends), 0.6);
  EXPECT_LT(correlation(shares, churns), -0.25);
  EXPECT_GT(correlation(in_west, churns), 0.15);
  EXPECT_LT(correlation(in_west, shares), -0.1);
  double churn_rate = 0;
  for (const double value : churns) churn_rate += value / static_cast<double>(churns.size());
  EXPECT_GT(churn_rate, 0.15);
  EXPECT_LT(churn_rate, 0.5);
}

TEST_F(DemoData, AFewCustomersAreEnough) {
  write_demo_data(folder.path(), 1, 20);
  prepare_it();
  EXPECT_EQ(prepared().customers(), 20);
}

}  // namespace
}  // namespace limner::testing
