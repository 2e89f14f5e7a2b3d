// Words, pieces, offsets, truncation. Expected values are those of Hugging Face `tokenizers`.
#include "text/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

#include "runtime/error.h"

namespace limner {
namespace {

using testing::ElementsAre;
using testing::Pair;

constexpr int64_t unlimited = int64_t{1} << 40;

const std::vector<std::string> vocabulary = {"[PAD]",  "[UNK]",    "[CLS]",  "[SEP]", "[MASK]", "un", "##aff",
                                             "##able", "##ab",     "want",   "##ed",  "hello",  ",",  "!",
                                             "你",     "好",       "a",      "##a",   "##b",    "é",  "e",
                                             "i",      "##\u0307", "\u302e", "豈",    "[",      "]",  "mask"};

Tokenizer tokenizer_with(const WordPieceOptions& options = {}) {
  return Tokenizer::from_vocabulary(vocabulary, options);
}

std::vector<std::string> tokens_of(const Tokenizer& tokenizer, std::string_view text,
                                   int64_t max_length = unlimited) {
  std::vector<std::string> tokens;
  for (const int32_t id : tokenizer.encode(text, max_length)) tokens.push_back(tokenizer.token(id));
  EXPECT_GE(tokens.size(), 2u);
  EXPECT_EQ(tokens.front(), "[CLS]");
  EXPECT_EQ(tokens.back(), "[SEP]");
  return {tokens.begin() + 1, tokens.end() - 1};
}

TEST(Tokenizer, TakesTheLongestPieces) {
  const Tokenizer tokenizer = tokenizer_with();
  EXPECT_THAT(tokens_of(tokenizer, "UNaffable"), ElementsAre("un", "##aff", "##able"));
  EXPECT_THAT(tokens_of(tokenizer, "wanted, unwanted"), ElementsAre("want", "##ed", ",", "[UNK]"));
  EXPECT_THAT(tokens_of(tokenizer, "unab"), ElementsAre("un", "##ab"));
  EXPECT_THAT(tokens_of(tokenizer, "ununab"), ElementsAre("[UNK]"));  // "un" does not go on a word
  EXPECT_THAT(tokens_of(tokenizer, "hello!!"), ElementsAre("hello", "!", "!"));
}

TEST(Tokenizer, ReadsAnEmptyTextAsItsSpecialTokens) {
  const Tokenizer tokenizer = tokenizer_with();
  EXPECT_THAT(tokenizer.encode("", unlimited), ElementsAre(2, 3));
  EXPECT_THAT(tokenizer.encode(" \t\r\n\u3000\u200b", unlimited), ElementsAre(2, 3));
}

TEST(Tokenizer, PartsChineseCharacters) {
  EXPECT_THAT(tokens_of(tokenizer_with(), "你好a好"), ElementsAre("你", "好", "a", "好"));
  WordPieceOptions joined;
  joined.handle_chinese_chars = false;
  EXPECT_THAT(tokens_of(tokenizer_with(joined), "你好 好"), ElementsAre("[UNK]", "好"));
  EXPECT_THAT(tokens_of(tokenizer_with(), "\uF900"), ElementsAre("豈"));  // its decomposition, U+8C48
}

TEST(Tokenizer, TreatsCaseAndAccentsByItsOptions) {
  WordPieceOptions cased;
  cased.lowercase = cased.strip_accents = false;
  WordPieceOptions accents;
  accents.strip_accents = false;
  EXPECT_THAT(tokens_of(tokenizer_with(), "É e\u0301 HELLO"), ElementsAre("e", "e", "hello"));
  EXPECT_THAT(tokens_of(tokenizer_with(accents), "É"), ElementsAre("é"));
  EXPECT_THAT(tokens_of(tokenizer_with(cased), "é É HELLO hello"),
              ElementsAre("é", "[UNK]", "[UNK]", "hello"));
  EXPECT_THAT(tokens_of(tokenizer_with(accents), "\u0130"), ElementsAre("i", "##\u0307"));
  EXPECT_THAT(tokens_of(tokenizer_with(), "\u0130"), ElementsAre("i"));
}

TEST(Tokenizer, CleansTextOrLeavesItAlone) {
  EXPECT_THAT(tokens_of(tokenizer_with(), std::string_view("a\0\x01\u200D\uE000\xFF"
                                                           "b",
                                                           11)),
              ElementsAre("a", "##b"));
  WordPieceOptions raw;
  raw.clean_text = false;
  EXPECT_THAT(tokens_of(tokenizer_with(raw),
                        "a\u200Db a\u0085"
                        "a"),
              ElementsAre("[UNK]", "a", "a"));
}

TEST(Tokenizer, GivesUpOnWordsOfMoreThanAHundredCharacters) {
  const Tokenizer tokenizer = tokenizer_with();
  EXPECT_EQ(tokens_of(tokenizer, std::string(100, 'a')).size(), 100u);
  EXPECT_THAT(tokens_of(tokenizer, std::string(101, 'a')), ElementsAre("[UNK]"));
  std::string accented;
  for (int i = 0; i < 100; ++i) accented += "a\u0301";
  EXPECT_EQ(tokens_of(tokenizer, accented).size(), 100u);  // counted once normalized
  EXPECT_THAT(tokenizer.encode_with_offsets(std::string(250, 'a') + " a", unlimited).offsets,
              ElementsAre(Pair(0, 0), Pair(0, 250), Pair(251, 252), Pair(0, 0)));
}

TEST(Tokenizer, CountsOffsetsInCodePoints) {
  const Encoding encoding = tokenizer_with().encode_with_offsets("😀 你é UNwant\u00ADed", unlimited);
  EXPECT_THAT(encoding.offsets,
              ElementsAre(Pair(0, 0), Pair(0, 1), Pair(2, 3), Pair(3, 4), Pair(5, 14), Pair(0, 0)));
  const Encoding split = tokenizer_with().encode_with_offsets("wa\u00ADnte\u0301d", unlimited);
  EXPECT_THAT(split.offsets, ElementsAre(Pair(0, 0), Pair(0, 5), Pair(5, 8), Pair(0, 0)));
  const Encoding broken = tokenizer_with().encode_with_offsets(
      "\xE4\xBD\xFF"
      "a",
      unlimited);
  EXPECT_THAT(broken.offsets, ElementsAre(Pair(0, 0), Pair(2, 3), Pair(0, 0)));
}

TEST(Tokenizer, PutsMarksThatStayInCanonicalOrder) {
  // U+302E (class 224) comes before U+0301 (230) and behind U+0323 (220), both of which are dropped.
  // `tokenizers` counts sources after sorting.
  WordPieceOptions options;
  options.handle_chinese_chars = false;
  const Tokenizer tokenizer = tokenizer_with(options);
  EXPECT_THAT(tokenizer.encode_with_offsets(" \u0301\u302E", unlimited).offsets,
              ElementsAre(Pair(0, 0), Pair(1, 2), Pair(0, 0)));
  EXPECT_THAT(tokenizer.encode_with_offsets(" \u302E\u0323", unlimited).offsets,
              ElementsAre(Pair(0, 0), Pair(2, 3), Pair(0, 0)));
}

TEST(Tokenizer, FindsSpecialTokensInTheText) {
  const Tokenizer tokenizer = tokenizer_with();
  EXPECT_THAT(tokens_of(tokenizer, "a[MASK]b [SEP]"), ElementsAre("a", "[MASK]", "[UNK]", "[SEP]"));
  EXPECT_THAT(tokens_of(tokenizer, "[mask]"), ElementsAre("[", "mask", "]"));
  EXPECT_THAT(tokens_of(tokenizer, "[MASK"), ElementsAre("[", "mask"));
  EXPECT_THAT(tokenizer.encode_with_offsets("你 [MASK]a", unlimited).offsets,
              ElementsAre(Pair(0, 0), Pair(0, 1), Pair(2, 8), Pair(8, 9), Pair(0, 0)));
}

TEST(Tokenizer, CutsAtTheLengthAsked) {
  const Tokenizer tokenizer = tokenizer_with();
  EXPECT_THAT(tokenizer.encode("hello unaffable", 2), ElementsAre(2, 3));
  EXPECT_THAT(tokens_of(tokenizer, "hello unaffable", 3), ElementsAre("hello"));
  EXPECT_THAT(tokens_of(tokenizer, "hello unaffable", 5), ElementsAre("hello", "un", "##aff"));
  EXPECT_THAT(tokens_of(tokenizer, "hello unaffable", 6), ElementsAre("hello", "un", "##aff", "##able"));
  EXPECT_THAT(tokens_of(tokenizer, "你[MASK]", 3), ElementsAre("你"));
  EXPECT_THROW(tokenizer.encode("hello", 1), Error);
}

// A text whose bytes behind the first pages cannot be read: reading on would be a segmentation fault.
TEST(Tokenizer, StopsReadingWhenTheRowIsFull) {
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const size_t size = 100 * page;
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  for (const std::string word : {"a ", "你", "unaffable ", "e\u0301\u0302 "}) {
    ASSERT_EQ(mprotect(memory, size, PROT_READ | PROT_WRITE), 0);
    for (size_t i = 0; i + word.size() <= page; i += word.size())
      std::memcpy(static_cast<char*>(memory) + i, word.data(), word.size());
    ASSERT_EQ(mprotect(static_cast<char*>(memory) + page, size - page, PROT_NONE), 0);
    const std::string_view text(static_cast<const char*>(memory), size);
    EXPECT_EQ(tokenizer_with().encode(text, 128).size(), 128u);
  }
  munmap(memory, size);
}

TEST(Tokenizer, EncodesManyTextsOnSeveralThreads) {
  const Tokenizer tokenizer = tokenizer_with();
  std::vector<std::string> texts;
  for (int i = 0; i < 301; ++i) {
    std::string text;
    for (int word = 0; word < i % 7; ++word) text += "hello ";
    texts.push_back(text);
  }
  int64_t truncated = -1;
  const auto one = tokenizer.encode_all(texts, 6, 1, &truncated);
  EXPECT_EQ(truncated, 86);  // five or six words; i % 7 is 5 or 6 in 43 rows each
  EXPECT_EQ(tokenizer.encode_all(texts, 6, 3), one);
  for (size_t i = 0; i < texts.size(); ++i) EXPECT_EQ(one[i], tokenizer.encode(texts[i], 6));
  EXPECT_TRUE(tokenizer.encode_all({}, 6, 2, &truncated).empty());
  EXPECT_EQ(truncated, 0);
}

TEST(Tokenizer, CountsThePromptsTokensAndThoseBeforeIt) {
  Tokenizer tokenizer = tokenizer_with();
  EXPECT_EQ(tokenizer.prompt_tokens(unlimited), 0);
  tokenizer.set_prompt("hello, a");
  EXPECT_EQ(tokenizer.prompt_tokens(unlimited), 4);
  EXPECT_EQ(tokenizer.prompt_tokens(3), 2);  // [CLS] hello [SEP]
}

TEST(Tokenizer, CountsARowOfWhiteSpaceBehindTheLastTokenAsWhole) {
  int64_t truncated = -1;
  tokenizer_with().encode_all({"hello   \u200b ", "hello , "}, 3, 1, &truncated);
  EXPECT_EQ(truncated, 1);
}

TEST(Tokenizer, KnowsItsVocabulary) {
  const Tokenizer tokenizer = tokenizer_with();
  EXPECT_EQ(tokenizer.vocabulary_size(), static_cast<int64_t>(vocabulary.size()));
  EXPECT_EQ(tokenizer.unknown_id(), 1);
  EXPECT_EQ(tokenizer.pad_id(), 0);
  EXPECT_EQ(tokenizer.token(14), "你");
  EXPECT_THROW(tokenizer.token(-1), Error);
  EXPECT_THROW(tokenizer.token(28), Error);
}

TEST(Tokenizer, RefusesAVocabularyThatCannotBeOne) {
  EXPECT_THROW(Tokenizer::from_vocabulary({"[PAD]", "[UNK]", "[CLS]", "[SEP]", "a"}, {}), Error);
  EXPECT_THROW(Tokenizer::from_vocabulary({"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "a"}, {}),
               Error);
}

TEST(Tokenizer, HashesWhatDecidesIds) {
  EXPECT_EQ(tokenizer_with().sha256(), tokenizer_with().sha256());
  WordPieceOptions cased;
  cased.lowercase = false;
  EXPECT_NE(tokenizer_with().sha256(), tokenizer_with(cased).sha256());
  std::vector<std::string> longer = vocabulary;
  longer.push_back("more");
  EXPECT_NE(tokenizer_with().sha256(), Tokenizer::from_vocabulary(longer, {}).sha256());
}

}  // namespace
}  // namespace limner
