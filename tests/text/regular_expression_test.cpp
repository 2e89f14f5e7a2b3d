// Matches in whole and in open texts, and what is refused. Expected matches are Oniguruma's.
#include "text/regular_expression.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "runtime/error.h"

namespace limner {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> matches(const RegularExpression& expression, std::string_view text, bool open) {
  RegularExpression::Matches found(expression, text, open);
  std::vector<std::string> texts;
  while (const auto match = found.next())
    texts.emplace_back(text.substr(match->begin, match->end - match->begin));
  return texts;
}

TEST(RegularExpression, LooksAhead) {
  const RegularExpression words(R"( ?\p{L}+|\s+(?!\S)|\s+)", "test");
  EXPECT_THAT(matches(words, "a  b\n", false), ElementsAre("a", " ", " b", "\n"));
  // U+31350 is a letter of Unicode 15.0, younger than PCRE2's tables.
  EXPECT_THAT(matches(words, "\U00031350a", false), ElementsAre("\U00031350a"));
  EXPECT_THAT(matches(words, "\u180E", false), ElementsAre());  // no longer white space
}

TEST(RegularExpression, GivesOfAnOpenTextOnlyWhatIsCertain) {
  const RegularExpression words(R"( ?\p{L}+|\s+(?!\S)|\s+)", "test");
  EXPECT_THAT(matches(words, "ab cd", true), ElementsAre("ab"));
  EXPECT_THAT(matches(words, "ab  ", true), ElementsAre("ab"));
  const RegularExpression blanks(" {2,}", "test");
  RegularExpression::Matches found(blanks, "a  b ", true);
  EXPECT_TRUE(found.next().has_value());
  EXPECT_FALSE(found.next().has_value());
  EXPECT_EQ(found.certain_end(), 4u);
}

TEST(RegularExpression, TakesALiteralAsItStands) {
  EXPECT_THAT(matches(RegularExpression::literal("..", "test"), "a..b.c", false), ElementsAre(".."));
}

TEST(RegularExpression, RefusesWhatOnigurumaReadsOtherwise) {
  for (const char* pattern :
       {R"(\h)", R"([a[b]])", "[a&&b]", "(?m)a", "(?<name>a)", "a{,2}", R"(\b)", "a("}) {
    try {
      const RegularExpression expression(pattern, "tokenizer.json");
      ADD_FAILURE() << pattern;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::bad_data);
      EXPECT_THAT(error.what(), HasSubstr("tokenizer.json"));
      EXPECT_THAT(error.what(), HasSubstr(pattern));
    }
  }
}

}  // namespace
}  // namespace limner
