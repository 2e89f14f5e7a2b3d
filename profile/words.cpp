#include "profile/words.h"

#include <unicode/brkiter.h>
#include <unicode/ubrk.h>
#include <unicode/unistr.h>

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

// A word as ICU cuts it. A gap is what no word goes across: blanks, punctuation, numbers, stop words.
struct Piece {
  std::string word;
  enum class Kind : uint8_t { gap, lone_character, word } kind;
};

Piece make_piece(const icu::UnicodeString& letters, int32_t kind) {
  if (kind < UBRK_WORD_LETTER) return {"", Piece::Kind::gap};
  const icu::UnicodeString word = plain_form(letters);
  const bool latin = kind < UBRK_WORD_KANA;
  if (latin && word.countChar32() < 3) return {"", Piece::Kind::gap};
  std::string bytes;
  word.toUTF8String(bytes);
  if (stop_words().contains(bytes)) return {"", Piece::Kind::gap};
  const bool lone = !latin && word.countChar32() == 1;
  return {std::move(bytes), lone ? Piece::Kind::lone_character : Piece::Kind::word};
}

// Joins runs of lone characters; the words in their order, each once.
std::vector<std::string> join_lone_characters(const std::vector<Piece>& pieces) {
  constexpr size_t longest = 4;
  std::vector<std::string> words;
  std::unordered_set<std::string> known;
  const auto add = [&](const std::string& word) {
    if (known.insert(word).second) words.push_back(word);
  };
  for (size_t first = 0; first < pieces.size();) {
    if (pieces[first].kind != Piece::Kind::lone_character) {
      if (pieces[first].kind == Piece::Kind::word) add(pieces[first].word);
      ++first;
      continue;
    }
    std::string joined;
    size_t last = first;
    while (last < pieces.size() && pieces[last].kind == Piece::Kind::lone_character)
      joined += pieces[last++].word;
    const bool attached = (first > 0 && pieces[first - 1].kind == Piece::Kind::word) ||
                          (last < pieces.size() && pieces[last].kind == Piece::Kind::word);
    const size_t characters = last - first;
    if (characters <= longest && (characters > 1 || !attached)) add(joined);
    first = last;
  }
  return words;
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
  std::vector<Piece> pieces;
  int32_t from = boundaries.first();
  for (int32_t to = boundaries.next(); to != icu::BreakIterator::DONE; from = to, to = boundaries.next()) {
    pieces.push_back(make_piece(letters.tempSubStringBetween(from, to), boundaries.getRuleStatus()));
  }
  return join_lone_characters(pieces);
}

}  // namespace limner
