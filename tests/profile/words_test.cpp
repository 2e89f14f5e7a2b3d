#include "profile/words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace limner {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Not;

TEST(Words, English) {
  WordCutter cutter;
  EXPECT_THAT(cutter.distinct_words("The GUITAR's sound isn’t good, the guitar sounds good! 5 stars"),
              ElementsAre("guitar", "sound", "good", "sounds", "stars"));
}

TEST(Words, Chinese) {
  WordCutter cutter;
  const auto words = cutter.distinct_words("这本书的质量非常好，物流也很快。");
  EXPECT_THAT(words, Contains("质量"));
  EXPECT_THAT(words, Contains("物流"));
  EXPECT_THAT(words, Not(Contains("的")));
  EXPECT_THAT(words, Not(Contains("，")));
}

TEST(Words, LoneCharactersAreJoinedOrDropped) {
  WordCutter cutter;
  EXPECT_THAT(cutter.distinct_words("文笔很好"), Contains("文笔"));
  EXPECT_THAT(cutter.distinct_words("很辣，的"), ElementsAre("辣"));
  EXPECT_THAT(cutter.distinct_words("充电器"), ElementsAre("充电"));
  EXPECT_THAT(cutter.distinct_words("送餐"), ElementsAre("送餐"));
}

TEST(Words, MixedAndOdd) {
  WordCutter cutter;
  EXPECT_THAT(cutter.distinct_words("iPhone手机 broken"), ElementsAre("iphone", "手机", "broken"));
  EXPECT_THAT(cutter.distinct_words(""), ElementsAre());
  EXPECT_THAT(cutter.distinct_words("123 --- 😀 a I"), ElementsAre());
  EXPECT_THAT(cutter.distinct_words("\xff\xfe broken bytes"), Contains("broken"));
}

}  // namespace
}  // namespace limner
