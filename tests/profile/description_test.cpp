#include "profile/description.h"

#include <gmock/gmock.h>

#include <cmath>

#include "tests/profile/reference.h"

namespace limner {
namespace {

TEST(TermCounts, TypicalWordsAreMoreFrequentHere) {
  TermCounts counts(2);
  for (int i = 0; i < 30; ++i) {
    counts.add("both", 0, 1);
    counts.add("both", 1, 1);
    counts.add("guitar", 0, 1);
    if (i % 10 == 0) counts.add("guitar", 1, 1);
    if (i < 5) counts.add("strings", 0, 1);
    if (i < 2) counts.add("rare", 0, 1);
  }
  const auto typical = counts.typical({40, 60}, 3, 10);
  ASSERT_EQ(typical.size(), 2u);
  ASSERT_EQ(typical[0].size(), 3u);  // `rare` is in two texts only
  EXPECT_EQ(typical[0][0].term, "guitar");
  EXPECT_DOUBLE_EQ(typical[0][0].share, 0.75);
  EXPECT_DOUBLE_EQ(typical[0][0].share_elsewhere, 0.05);
  EXPECT_EQ(typical[0][0].texts, 30);
  EXPECT_EQ(typical[0][1].term, "strings");  // 13 % against none tells more
  EXPECT_EQ(typical[0][2].term, "both");     // than 75 % against 50 %
  EXPECT_TRUE(typical[1].empty());           // nothing is more frequent there
}

TEST(TermCounts, ABusyCustomerDoesNotSpeakForAll) {
  TermCounts counts(2);
  for (int i = 0; i < 100; ++i) counts.add("brand", 0, 1.0 / 100);  // one customer, a hundred texts
  for (int i = 0; i < 10; ++i) counts.add("shared", 0, 1);
  const auto typical = counts.typical({20, 20}, 3, 10);
  EXPECT_EQ(typical[0][0].term, "shared");
  EXPECT_NEAR(typical[0][1].share, 1.0 / 20, 1e-12);
}

TEST(TermCounts, OneSegmentListsTheFrequent) {
  TermCounts counts(1);
  counts.add("often", 0, 3, 3);
  counts.add("sometimes", 0, 1, 3);
  const auto typical = counts.typical({5}, 1, 10);
  EXPECT_EQ(typical[0][0].term, "often");
  EXPECT_TRUE(std::isnan(typical[0][0].share_elsewhere));
}

TEST(TermCounts, SurviveAMessage) {
  TermCounts counts(3), other(3);
  counts.add("音乐", 1, 0.5, 2);
  counts.add("music", 2, 0.25, 1);
  other.add_bytes(counts.bytes());
  EXPECT_EQ(other.bytes(), counts.bytes());
  other.add_bytes(counts.bytes());
  EXPECT_NE(other.bytes(), counts.bytes());
}

TEST(NearestTexts, OneACustomerAndNoneTwice) {
  NearestTexts nearest(3);
  nearest.offer(1, {10, 0.5, "first"});
  nearest.offer(1, {11, 0.7, "better"});
  nearest.offer(2, {12, 0.9, "best"});
  nearest.offer(3, {13, 0.8, "best"});  // the same words, less near
  nearest.offer(4, {14, 0.1, "far"});
  nearest.offer(5, {15, 0.2, "less far"});
  std::vector<std::string> texts;
  for (const auto& [customer, text] : nearest.texts()) texts.push_back(text.text);
  EXPECT_THAT(texts, testing::ElementsAre("best", "better", "less far"));
}

}  // namespace
}  // namespace limner
