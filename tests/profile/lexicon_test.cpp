#include "profile/lexicon.h"

#include <gmock/gmock.h>

#include <cmath>

#include "profile/sentiment.h"
#include "runtime/files.h"
#include "tests/runtime/temporary_folder.h"

namespace limner {
namespace {

TEST(Lexicon, CountsGoodAndBadWords) {
  const Lexicon lexicon;
  EXPECT_EQ(lexicon.score("Excellent! Highly recommended."), 1);
  EXPECT_EQ(lexicon.score("It BROKE after a week, terrible."), -1);
  EXPECT_NEAR(lexicon.score("Excellent sound, terrible case"), 0, 1e-12);
  EXPECT_EQ(lexicon.score("味道很好，送餐及时"), 1);
  EXPECT_EQ(lexicon.score("太难吃了，失望"), -1);
  EXPECT_TRUE(std::isnan(lexicon.score("the 4 strings on Monday")));
  EXPECT_TRUE(std::isnan(lexicon.score("")));
  EXPECT_TRUE(
      std::isnan(lexicon.score("goodness café naïveté 第三本 مرحبا")));  // parts of words do not count
}

TEST(Lexicon, NegationTurns) {
  const Lexicon lexicon;
  EXPECT_EQ(lexicon.score("not very good"), -1);
  EXPECT_EQ(lexicon.score("I don't like it"), -1);
  EXPECT_EQ(lexicon.score("I don’t like it"), -1);
  EXPECT_EQ(lexicon.score("never a problem"), 1);
  EXPECT_EQ(lexicon.score("No. Great guitar"), 1);                 // up to the end of the sentence
  EXPECT_EQ(lexicon.score("not that I would say it is good"), 1);  // and three words far
  EXPECT_EQ(lexicon.score("不是很好"), -1);
  EXPECT_EQ(lexicon.score("不错"), 1);  // an entry of its own
  EXPECT_EQ(lexicon.score("没有异味，很舒服"), 1);
}

TEST(Lexicon, OfTheUser) {
  const TemporaryFolder folder;
  write_file(folder.path() / "own.txt", "# mine\nTwangy\t0.5\n\ngood\t-1\r\n绝绝子\t1\nain't\tnot\n");
  const Lexicon lexicon((folder.path() / "own.txt").string());
  EXPECT_EQ(lexicon.score("a twangy sound"), 1);
  EXPECT_EQ(lexicon.score("good"), -1);  // takes the place of the built-in weight
  EXPECT_EQ(lexicon.score("绝绝子"), 1);
  const auto bad = [&](const std::string& content, const std::vector<std::string>& parts) {
    write_file(folder.path() / "bad.txt", content);
    expect_error(ExitCode::bad_data, parts, [&] { Lexicon wrong((folder.path() / "bad.txt").string()); });
  };
  bad("fine\t1\nno weight\n", {"bad.txt:2", "tab"});
  bad("word\t1.5\n", {"bad.txt:1", "from -1 to 1"});
  bad("word\tnan\n", {"bad.txt:1", "from -1 to 1"});
  bad("w\xff\t1\n", {"bad.txt:1", "UTF-8"});
  expect_error(ExitCode::missing_input, {"none.txt"}, [] { Lexicon none("/nowhere/none.txt"); });
}

TEST(Lexicon, ThresholdWithTheMostRightAnswers) {
  const ScoreThreshold rising = learn_threshold({-1, -0.5, 0.2, 0.4, std::nan(""), 1}, {0, 0, 1, 1, 0, 1});
  EXPECT_EQ(rising.threshold, 0.2);
  EXPECT_TRUE(rising.above);
  const ScoreThreshold falling = learn_threshold({1, 0.5, -0.5}, {0, 0, 1});
  EXPECT_TRUE(falling.predict(-0.5) && !falling.predict(0.5));
  EXPECT_TRUE(learn_threshold({0.5, 0.5}, {1, 1}).predict(-1));  // nothing tells the classes apart
}

}  // namespace
}  // namespace limner
