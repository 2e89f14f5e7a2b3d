#include "profile/words.h"

#include <unicode/brkiter.h>
#include <unicode/ubrk.h>
#include <unicode/unistr.h>

#include <algorithm>

#include "runtime/error.h"

namespace limner {
namespace {

void check(UErrorCode status, const char* what) {
  if (U_FAILURE(status)) fail(ExitCode::internal, "ICU cannot {}: {}", what, u_errorName(status));
}

// "the guitar’s" and "the guitar's" are one word, and the possessive is no part of it.
icu::UnicodeString plain_form(icu::UnicodeString word) {
  word.toLower(icu::Locale::getRoot());
  word.findAndReplace(icu::UnicodeString(char16_t{0x2019}), icu::UnicodeString(u'\''));
  if (word.endsWith(icu::UnicodeString(u"'s"))) word.truncate(word.length() - 2);
  return word;
}

}  // namespace

struct WordCutter::State {
  std::unique_ptr<icu::BreakIterator> boundaries;
};

WordCutter::WordCutter() : state_(std::make_unique<State>()) {
  UErrorCode status = U_ZERO_ERROR;
  state_->boundaries.reset(icu::BreakIterator::createWordInstance(icu::Locale::getRoot(), status));
  check(status, "cut words");
}

WordCutter::~WordCutter() = default;

std::vector<std::string> WordCutter::distinct_words(const std::string& text) {
  const icu::UnicodeString letters = icu::UnicodeString::fromUTF8(text);
  icu::BreakIterator& boundaries = *state_->boundaries;
  boundaries.setText(letters);
  std::vector<std::string> words;
  std::unordered_set<std::string> known;
  int32_t from = boundaries.first();
  for (int32_t to = boundaries.next(); to != icu::BreakIterator::DONE; from = to, to = boundaries.next()) {
    const int32_t kind = boundaries.getRuleStatus();
    if (kind < UBRK_WORD_LETTER) continue;  // blanks, punctuation, numbers
    const icu::UnicodeString word = plain_form(letters.tempSubStringBetween(from, to));
    if (kind < UBRK_WORD_KANA && word.countChar32() < 3) continue;
    std::string bytes;
    word.toUTF8String(bytes);
    if (stop_words().contains(bytes) || !known.insert(bytes).second) continue;
    words.push_back(std::move(bytes));
  }
  return words;
}

}  // namespace limner
