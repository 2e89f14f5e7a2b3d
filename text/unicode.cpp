#include "text/unicode.h"

#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/utf16.h>

#include <algorithm>
#include <iterator>

#include "runtime/error.h"

namespace limner {
namespace {

struct CodeRange {
  char32_t first, last;
};
struct CaseRange {
  char32_t first, last, lower;  // first + i becomes lower + i
};

#include "text/unicode_exceptions.inc"

template <class Range, size_t count>
const Range* find_range(const Range (&ranges)[count], char32_t code) {
  const Range* range = std::upper_bound(std::begin(ranges), std::end(ranges), code,
                                        [](char32_t value, const Range& r) { return value < r.first; });
  if (range == std::begin(ranges)) return nullptr;
  --range;
  return code <= range->last ? range : nullptr;
}

// Was the character in this version of the standard? version: 16 * major + minor.
bool in_unicode(char32_t code, int version) {
  UVersionInfo age;
  u_charAge(static_cast<UChar32>(code), age);
  const int born = 16 * age[0] + age[1];
  return born > 0 && born <= version;
}

uint32_t category_mask(char32_t code) { return U_GET_GC_MASK(static_cast<UChar32>(code)); }

constexpr int categories_version = 16 * 8;     // crate unicode_categories
constexpr int normalization_version = 16 * 9;  // crate unicode-normalization-alignments
constexpr int newest_version = 16 * 15;  // what ICU 72 knows; younger characters stand in the exceptions

const UNormalizer2* normalizer(const UNormalizer2* (*instance)(UErrorCode*)) {
  UErrorCode status = U_ZERO_ERROR;
  const UNormalizer2* found = instance(&status);
  if (U_FAILURE(status)) fail(ExitCode::internal, "ICU has no normalization data: {}", u_errorName(status));
  return found;
}

std::u32string decomposition(char32_t code, const UNormalizer2* form) {
  if (!in_unicode(code, normalization_version)) return {code};
  UErrorCode status = U_ZERO_ERROR;
  std::array<UChar, 32> units;
  const int32_t length = unorm2_getDecomposition(form, static_cast<UChar32>(code), units.data(),
                                                 static_cast<int32_t>(units.size()), &status);
  if (length < 0) return {code};
  if (U_FAILURE(status))
    fail(ExitCode::internal, "ICU cannot decompose U+{:04X}: {}", static_cast<uint32_t>(code),
         u_errorName(status));
  std::u32string parts;
  for (int32_t i = 0; i < length;) {
    UChar32 part = 0;
    U16_NEXT(units.data(), i, length, part);
    parts.push_back(static_cast<char32_t>(part));
  }
  return parts;
}

}  // namespace

bool is_white_space(char32_t code) { return u_isUWhiteSpace(static_cast<UChar32>(code)) != 0; }

bool is_other(char32_t code) {
  return (category_mask(code) & (U_GC_CC_MASK | U_GC_CF_MASK | U_GC_CO_MASK)) != 0 &&
         in_unicode(code, categories_version);
}

bool is_punctuation(char32_t code) {
  if (code < 0x80) return u_ispunct(static_cast<UChar32>(code)) || (category_mask(code) & U_GC_S_MASK) != 0;
  const bool by_category = (category_mask(code) & U_GC_P_MASK) != 0 && in_unicode(code, categories_version);
  return by_category != (find_range(punctuation_differs, code) != nullptr);
}

bool is_nonspacing_mark(char32_t code) {
  const bool by_category = (category_mask(code) & U_GC_MN_MASK) != 0 && in_unicode(code, categories_version);
  return by_category != (find_range(nonspacing_mark_differs, code) != nullptr);
}

bool is_mark(char32_t code) {
  const bool by_category =
      (category_mask(code) & U_GC_M_MASK) != 0 && in_unicode(code, normalization_version);
  return by_category != (find_range(mark_differs, code) != nullptr);
}

bool is_numeric(char32_t code) {
  if (find_range(newer_numeric, code) != nullptr) return true;
  return (category_mask(code) & U_GC_N_MASK) != 0 && in_unicode(code, newest_version);
}

bool is_word_character(char32_t code) {
  if (find_range(newer_word_characters, code) != nullptr) return true;
  if (!in_unicode(code, newest_version)) return false;
  const auto character = static_cast<UChar32>(code);
  return u_isUAlphabetic(character) ||
         (category_mask(code) & (U_GC_M_MASK | U_GC_ND_MASK | U_GC_PC_MASK)) != 0 ||
         u_hasBinaryProperty(character, UCHAR_JOIN_CONTROL);
}

bool is_chinese_character(char32_t code) {
  return (code >= 0x4E00 && code <= 0x9FFF) || (code >= 0x3400 && code <= 0x4DBF) ||
         (code >= 0x20000 && code <= 0x2A6DF) || (code >= 0x2A700 && code <= 0x2B81F) ||
         (code >= 0x2B920 && code <= 0x2CEAF) || (code >= 0xF900 && code <= 0xFAFF) ||
         (code >= 0x2F800 && code <= 0x2FA1F);
}

int combining_class(char32_t code) {
  return in_unicode(code, normalization_version) ? u_getCombiningClass(static_cast<UChar32>(code)) : 0;
}

std::u32string canonical_decomposition(char32_t code) {
  return decomposition(code, normalizer(unorm2_getNFDInstance));
}

std::u32string compatibility_decomposition(char32_t code) {
  return decomposition(code, normalizer(unorm2_getNFKDInstance));
}

char32_t composition(char32_t first, char32_t second) {
  const UChar32 composed = unorm2_composePair(normalizer(unorm2_getNFCInstance), static_cast<UChar32>(first),
                                              static_cast<UChar32>(second));
  if (composed < 0 || !in_unicode(static_cast<char32_t>(composed), normalization_version)) return 0;
  return static_cast<char32_t>(composed);
}

std::u32string lowercase(char32_t code) {
  if (code == 0x130) return U"i\u0307";  // the only letter with two lower-case characters
  if (const CaseRange* range = find_range(newer_lowercase, code))
    return {range->lower + (code - range->first)};
  if (!in_unicode(code, newest_version)) return {code};
  return {static_cast<char32_t>(u_tolower(static_cast<UChar32>(code)))};
}

}  // namespace limner
