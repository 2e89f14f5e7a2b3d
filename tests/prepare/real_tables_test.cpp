// The public tables with their real dirt, where this machine has them.
#include <gtest/gtest.h>

#include "tests/prepare/prepare_testing.h"

namespace limner::testing {
namespace {

using ::testing::ElementsAre;

class RealTables : public PrepareTest {
 protected:
  bool link(const std::string& name) {
    const auto path = real_table(name);
    if (path) std::filesystem::create_symlink(*path, folder / name);
    return path.has_value();
  }
};

TEST_F(RealTables, ShoppingReviews) {
  if (!link("shopping_reviews.csv"))
    GTEST_SKIP() << "shopping_reviews.csv is not on this machine (set LIMNER_DATA)";
  run(R"(
  sources: [{path: $/shopping_reviews.csv, fields: {customer: cat, text: review, sentiment: label, category: cat}}]
  types: {sentiment: category}
  split: {stratify: category}
)");
  const Json report = quality();
  EXPECT_EQ(report.at("rows").at("read"), 62774);
  EXPECT_EQ(report.at("rejected").at("empty text"), 1);
  EXPECT_EQ(report.at("rows").at("prepared").get<int64_t>() +
                report.at("rows").at("duplicates").get<int64_t>() +
                report.at("rows").at("rejected").get<int64_t>(),
            62774);
  EXPECT_GT(report.at("rows").at("prepared"), 62600);
  const PreparedReader table = prepared();
  EXPECT_EQ(table.customers(), 10);
  EXPECT_THAT(table.field("sentiment").categories, ElementsAre("0", "1"));
  for (const std::string& text : table.texts(0, table.rows()))
    ASSERT_EQ(text.find("\xef\xbb\xbf"), std::string::npos);
}

TEST_F(RealTables, TakeawayReviews) {
  if (!link("takeaway_reviews.csv"))
    GTEST_SKIP() << "takeaway_reviews.csv is not on this machine (set LIMNER_DATA)";
  run(R"(
  sources: [{path: $/takeaway_reviews.csv, fields: {text: review, sentiment: label}}]
  types: {sentiment: category}
  split: {stratify: sentiment}
)");
  EXPECT_EQ(quality().at("rows").at("read"), 11987);
  EXPECT_EQ(prepared().customers(), prepared().rows());
}

TEST_F(RealTables, InstrumentReviews) {
  if (!link("instrument_reviews.csv"))
    GTEST_SKIP() << "instrument_reviews.csv is not on this machine (set LIMNER_DATA)";
  run(R"(
  sources:
    - path: $/instrument_reviews.csv
      fields: {customer: reviewerID, text: reviewText, time: unixReviewTime, item: asin, rating: overall}
  types: {rating: number, time: time}
  split: {by: customer}
)");
  EXPECT_EQ(quality().at("rows").at("read"), 5050);
  EXPECT_EQ(quality().at("rejected").at("empty text"), 2);
  EXPECT_EQ(prepared().customers(), 1380);  // of 1,381: one wrote nothing but an empty review
  EXPECT_EQ(quality().at("items").at("distinct"), 392);
  EXPECT_EQ(quality().at("splits").at("train").at("customers"), 1104);
}

}  // namespace
}  // namespace limner::testing
