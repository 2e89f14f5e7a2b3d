#include "profile/keywords.h"

#include <gmock/gmock.h>

#include <cmath>

namespace limner {
namespace {

Vocabulary vocabulary() {
  WordCounts counts;
  counts.add({"guitar", "guitar", "string", "good"});
  counts.add({"guitar", "good"});
  counts.add({"good", "amplifier"});
  WordSettings settings;
  settings.min_texts = 1;
  settings.max_share = 1;
  return {counts, settings};
}

TEST(KeyPhrases, ClassBasedTfIdfByHand) {
  WordCutter cutter;
  const KeyPhrases phrases =
      key_phrases({"guitar, guitar and good", "unknown words; a good string"}, cutter, vocabulary(), 4, 2);
  // occurrences in all texts: guitar 3, good 3, string 1; this customer: 2, 2, 1 of 5
  ASSERT_EQ(phrases.words.size(), 2u);
  EXPECT_EQ(phrases.words[0].word, "good");  // a tie with guitar: the earlier word
  EXPECT_EQ(phrases.words[1].word, "guitar");
  EXPECT_NEAR(phrases.words[0].score, 2.0 / 5 * std::log(1 + 4.0 / 3), 1e-12);
}

TEST(KeyPhrases, TheSentenceThatSaysMost) {
  WordCutter cutter;
  const KeyPhrases phrases =
      key_phrases({"It came on Monday. The guitar has a good string. Bye!", "A guitar, good!"}, cutter,
                  vocabulary(), 4, 3);
  EXPECT_EQ(phrases.row, 1);
  EXPECT_EQ(phrases.sentence, "A guitar, good!");
}

TEST(KeyPhrases, NothingToSay) {
  WordCutter cutter;
  const KeyPhrases phrases = key_phrases({"", "？！", "unknown"}, cutter, vocabulary(), 4, 3);
  EXPECT_TRUE(phrases.words.empty());
  EXPECT_EQ(phrases.row, -1);
}

}  // namespace
}  // namespace limner
