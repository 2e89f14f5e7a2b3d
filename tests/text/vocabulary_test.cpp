#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "runtime/error.h"
#include "runtime/random.h"
#include "text/tokenizer.h"
#include "text/vocabulary_learner.h"

namespace limner {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Not;

TEST(LearnVocabulary, MergesTheMostFrequentPairs) {
  // Pairs: h+##u 15, ##u+##g 20, p+##u 17, ##u+##n 16, b+##u 4, ##g+##s 5. After "##ug" (20): ##u+##n 16,
  // h+##ug 15, p+##u 12, ##ug+##s 5, …; after "##un" (16): h+##ug 15, p+##un 12, …
  const std::vector<WordCount> words = {{"hug", 10}, {"pug", 5}, {"pun", 12}, {"bun", 4}, {"hugs", 5}};
  EXPECT_THAT(learn_vocabulary(words, 16, 1),
              ElementsAre("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "##u", "##g", "p", "##n", "h", "##s",
                          "b", "##ug", "##un", "hug", "pun"));
}

TEST(LearnVocabulary, OrdersEqualCountsByBytes) {
  const std::vector<WordCount> words = {{"zx", 3}, {"ab", 3}};
  const auto vocabulary = learn_vocabulary(words, 100, 1);
  EXPECT_THAT(vocabulary,
              ElementsAre("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "##b", "##x", "a", "z", "ab", "zx"));
  EXPECT_EQ(learn_vocabulary({words.rbegin(), words.rend()}, 100, 1), vocabulary);
}

TEST(LearnVocabulary, LeavesOutWhatIsRare) {
  const std::vector<WordCount> words = {{"aa", 5}, {"ab", 1}, {"q", 1}};
  EXPECT_THAT(learn_vocabulary(words, 100, 2),
              ElementsAre("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "##a", "aa"));
}

TEST(LearnVocabulary, LeavesRoomForMergesOnlyWhereThereAreAny) {
  std::vector<WordCount> ideographs;
  for (char c = 'a'; c <= 'z'; ++c) ideographs.emplace_back(std::string(1, c), 200 - c);
  EXPECT_EQ(learn_vocabulary(ideographs, 25, 1).size(), 25u);  // 20 characters, though 15 are three quarters
  EXPECT_EQ(learn_vocabulary(ideographs, 100, 1).size(), 31u);

  std::vector<WordCount> words = ideographs;
  words.emplace_back("abababab", 1000);
  const auto vocabulary = learn_vocabulary(words, 25, 1);
  EXPECT_EQ(vocabulary.size(), 25u);
  EXPECT_THAT(vocabulary, Contains("abababab"));
}

TEST(LearnVocabulary, CountsAPairOfEqualPieces) {
  EXPECT_THAT(
      learn_vocabulary({{"xxxxx", 4}}, 100, 1),
      ElementsAre("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "##x", "x", "##xx", "##xxxx", "xxxxx"));
}

TEST(LearnVocabulary, OfNothingIsTheSpecialTokens) { EXPECT_EQ(learn_vocabulary({}, 100, 1).size(), 5u); }

WordPieceOptions options_of(int64_t size, int64_t min_frequency) {
  WordPieceOptions options;
  options.vocabulary_size = size;
  options.min_frequency = min_frequency;
  return options;
}

std::vector<std::string> some_texts(int64_t count) {
  const Random random(9, "texts");
  const std::vector<std::string> syllables = {"ka", "to", "ri", "mu", "se", "Gui", "tar",
                                              "好", "吃", "，", " ",  "\t", "é"};
  std::vector<std::string> texts;
  uint64_t draw = 0;
  for (int64_t i = 0; i < count; ++i) {
    std::string text;
    const uint64_t parts = random.below(draw++, 30);
    for (uint64_t part = 0; part < parts; ++part) text += syllables[random.below(draw++, syllables.size())];
    texts.push_back(text);
  }
  return texts;
}

TEST(WordCounter, CountsNormalizedWords) {
  WordCounter counter(options_of(100, 1));
  counter.add({"Héllo, hello 你好", "\x01[CLS]"}, 1);
  EXPECT_EQ(counter.serialize(), "1 ,\n1 [\n1 ]\n1 cls\n2 hello\n1 你\n1 好\n");
}

TEST(WordCounter, PassesOverWordsThatAreTooLong) {
  WordCounter counter(options_of(100, 1));
  counter.add({std::string(100, 'a') + " " + std::string(101, 'b')}, 1);
  EXPECT_EQ(counter.serialize(), "1 " + std::string(100, 'a') + "\n");
}

TEST(WordCounter, IsTheSameForAnyThreadsAndRanks) {
  const std::vector<std::string> texts = some_texts(1000);
  WordCounter alone(options_of(60, 2));
  alone.add(texts, 1);
  WordCounter threaded(options_of(60, 2));
  threaded.add(texts, 3);
  EXPECT_EQ(alone.serialize(), threaded.serialize());

  WordCounter merged(options_of(60, 2));
  for (size_t rank = 0; rank < 3; ++rank) {
    std::vector<std::string> part;
    for (size_t i = rank; i < texts.size(); i += 3) part.push_back(texts[i]);
    WordCounter counter(options_of(60, 2));
    counter.add(part, 2);
    merged.merge(counter.serialize());
  }
  EXPECT_EQ(alone.serialize(), merged.serialize());
  EXPECT_EQ(alone.learn(), merged.learn());
}

TEST(WordCounter, LearnsAVocabularyThatEncodesItsTexts) {
  const std::vector<std::string> texts = some_texts(1000);
  WordCounter counter(options_of(60, 1));
  counter.add(texts, 2);
  const std::vector<std::string> vocabulary = counter.learn();
  EXPECT_LE(vocabulary.size(), 60u);
  EXPECT_THAT(vocabulary, Contains("好"));
  EXPECT_THAT(vocabulary, Not(Contains("##好")));
  const Tokenizer tokenizer = Tokenizer::from_vocabulary(vocabulary, options_of(60, 1));
  for (const std::string& text : texts)
    EXPECT_THAT(tokenizer.encode(text, 1000), Not(Contains(tokenizer.unknown_id())));
}

TEST(WordCounter, RefusesTornCounts) {
  WordCounter counter(options_of(60, 1));
  EXPECT_THROW(counter.merge("3 abc"), Error);
  EXPECT_THROW(counter.merge("abc\n"), Error);
  EXPECT_THROW(counter.merge("x abc\n"), Error);
  EXPECT_THROW(counter.merge("-1 abc\n"), Error);
}

}  // namespace
}  // namespace limner
