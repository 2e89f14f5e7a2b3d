#include "text/unicode.h"

#include <gtest/gtest.h>

#include "runtime/files.h"
#include "text/character_table.h"
#include "text/graphemes.h"
#include "text/utf8.h"

namespace limner {
namespace {

// Everything that text/unicode.h says about every code point. The digest was taken when tokenizer_parity.py
// found no difference from `tokenizers` over all of them. If it changes with another version of ICU, that
// version has changed the properties of old characters: run tokenizer_parity.py --every and add what it finds
// to unicode_exceptions.inc.
TEST(Unicode, EveryCodePointHasTheKnownProperties) {
  std::string all;
  for (char32_t code = 0; code < 0x110000; ++code) {
    if (code >= 0xD800 && code <= 0xDFFF) continue;
    const int flags = is_white_space(code) | is_other(code) << 1 | is_punctuation(code) << 2 |
                      is_nonspacing_mark(code) << 3 | is_word_character(code) << 4 |
                      is_chinese_character(code) << 5;
    all.push_back(static_cast<char>(flags));
    all.push_back(static_cast<char>(combining_class(code)));
    for (const char32_t part : canonical_decomposition(code)) append_utf8(all, part);
    all.push_back('\0');
    for (const char32_t part : lowercase(code)) append_utf8(all, part);
    all.push_back('\0');
  }
  EXPECT_EQ(sha256(all), "0c0beacb97742ae843d3ca77e78bb3ba9e57a774004b088117151a76e1973fbb");
}

TEST(Unicode, KnowsWhereTheLibrariesOfTokenizersAreOlderThanIcu) {
  EXPECT_TRUE(is_nonspacing_mark(0x0301));
  EXPECT_FALSE(is_nonspacing_mark(0x08D4));  // a mark since Unicode 9
  EXPECT_EQ(combining_class(0x08D4), 230);
  EXPECT_EQ(combining_class(0x1DF6), 0);  // a mark since Unicode 10
  EXPECT_FALSE(is_punctuation(0x2E43));   // since Unicode 9
  EXPECT_TRUE(is_punctuation(0x166D));    // a symbol since Unicode 12
  EXPECT_TRUE(is_punctuation(U'$'));
  EXPECT_FALSE(is_punctuation(0x20AC));  // the euro sign: a symbol outside ASCII
}

TEST(Unicode, KnowsWhereTheyAreNewer) {
  EXPECT_EQ(lowercase(0x10D50), U"\U00010D70");  // Unicode 16
  EXPECT_EQ(lowercase(0x130), U"i\u0307");
  EXPECT_EQ(lowercase(0x3A3), U"\u03C3");   // never the final form
  EXPECT_TRUE(is_word_character(0x2EBF0));  // Unicode 15.1
}

TEST(Unicode, DecomposesFully) {
  EXPECT_EQ(canonical_decomposition(0x1D163), U"\U0001D158\U0001D165\U0001D171");
  EXPECT_EQ(canonical_decomposition(0xD55C), U"\u1112\u1161\u11AB");
  EXPECT_EQ(canonical_decomposition(U'a'), U"a");
  EXPECT_EQ(canonical_decomposition(0x11938), U"\U00011938");  // decomposes since Unicode 13
}

std::u32string decode(std::string_view bytes) { return to_code_points(bytes); }

TEST(Utf8, ReadsBrokenBytesAsPythonDoes) {
  EXPECT_EQ(decode("a\xC3\xA9\xE4\xBD\xA0\xF0\x9F\x98\x80"), U"a\u00E9\u4F60\U0001F600");
  EXPECT_EQ(decode("\xE4\xBD"), U"\uFFFD");  // one for the part that could have gone on
  EXPECT_EQ(decode("\xF0\x9F\x98x"), U"\uFFFDx");
  EXPECT_EQ(decode("\xED\xA0\x80"), U"\uFFFD\uFFFD\uFFFD");            // a surrogate
  EXPECT_EQ(decode("\xC0\xAF"), U"\uFFFD\uFFFD");                      // overlong
  EXPECT_EQ(decode("\xF4\x90\x80\x80"), U"\uFFFD\uFFFD\uFFFD\uFFFD");  // above U+10FFFF
  EXPECT_EQ(decode("\x80\xFF"), U"\uFFFD\uFFFD");
  EXPECT_EQ(decode(""), U"");
}

TEST(Utf8, WritesWhatItReads) {
  std::string bytes;
  for (const char32_t code : {0x0u, 0x7Fu, 0x80u, 0x7FFu, 0x800u, 0xFFFFu, 0x10000u, 0x10FFFFu})
    append_utf8(bytes, code);
  EXPECT_EQ(decode(bytes), std::u32string(U"\0\u007F\u0080\u07FF\u0800\uFFFF\U00010000\U0010FFFF", 8));
  EXPECT_TRUE(is_valid_utf8(bytes));
  EXPECT_TRUE(is_valid_utf8("\xEF\xBF\xBD"));
  EXPECT_FALSE(is_valid_utf8("a\xC3"));
}

TEST(CharacterTable, GivesEveryClass) {
  const CharacterTable& table = CharacterTable::of({}, CharacterTable::Spaces::implied);
  const auto class_of = [&](char32_t code) {
    return NormalizedCharacter{table.entry(code), 0}.character_class();
  };
  EXPECT_EQ(class_of(U'a'), CharacterClass::word);
  EXPECT_EQ(class_of(U','), CharacterClass::isolated);
  EXPECT_EQ(class_of(0x4F60), CharacterClass::isolated);
  EXPECT_EQ(class_of(0x3000), CharacterClass::space);
  EXPECT_EQ(table.entry(U'A'), U'a');
  EXPECT_TRUE(table.entry(0x0301) & CharacterTable::dropped);
  EXPECT_TRUE(table.entry(0x200D) & CharacterTable::transparent);
  EXPECT_EQ(table.expansion(table.entry(0xD55C)).size(), 3u);
}

TEST(Graphemes, MarksYoungerThanIcuBelongToTheirLetter) {
  for (const char32_t mark : {U'\u0301', U'\u0897', U'\u1acf', U'\u1add', U'\u1ae0', U'\u1aeb'}) {
    EXPECT_EQ(grapheme_end(std::u32string{U'\u00ba', mark, U'a'}, 0), 2u) << static_cast<uint32_t>(mark);
  }
  EXPECT_EQ(grapheme_end(U"\u00baa", 0), 1u);
}

}  // namespace
}  // namespace limner
