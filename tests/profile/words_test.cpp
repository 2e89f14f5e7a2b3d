#include "profile/words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/profile/reference.h"
#include "tests/runtime/temporary_folder.h"

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

TEST(Words, RepetitionsAndOrder) {
  WordCutter cutter;
  EXPECT_THAT(cutter.words("guitar and string, guitar"), ElementsAre("guitar", "string", "guitar"));
}

TEST(Words, TheUsersDictionaryAndStopWords) {
  const TemporaryFolder folder;
  write_file(folder.path() / "words.txt", "# goods\n充电宝\n充电\nNoise Gate\nart\n");
  write_file(folder.path() / "stop.txt", "质量\nGuitar\n");
  WordSettings settings;
  settings.dictionary = (folder.path() / "words.txt").string();
  settings.stop_words = (folder.path() / "stop.txt").string();
  WordCutter cutter(settings);
  EXPECT_THAT(cutter.words("这个充电宝质量好"), Contains("充电宝"));
  EXPECT_THAT(cutter.words("这个充电宝质量好"), Not(Contains("质量")));
  EXPECT_THAT(cutter.words("my guitar has a noise gate"), ElementsAre("noise gate"));
  EXPECT_THAT(cutter.words("start art"), ElementsAre("start", "art"));  // not inside a word
}

TEST(Words, BadLists) {
  const TemporaryFolder folder;
  write_file(folder.path() / "words.txt", "good\nb\xff\n");
  WordSettings settings;
  settings.dictionary = (folder.path() / "words.txt").string();
  const auto [code, message] = error_of([&] { WordCutter cutter(settings); });
  EXPECT_EQ(code, ExitCode::bad_data);
  EXPECT_THAT(message, testing::HasSubstr("words.txt:2"));
  settings.dictionary = "missing.txt";
  EXPECT_EQ(error_of([&] { WordCutter cutter(settings); }).first, ExitCode::missing_input);
}

TEST(Words, Sentences) {
  WordCutter cutter;
  EXPECT_THAT(cutter.sentences("It broke.  Twice!\n物流很快。味道不错！"),
              ElementsAre("It broke.", "Twice!", "物流很快。", "味道不错！"));
}

}  // namespace
}  // namespace limner
