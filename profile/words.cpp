#include "profile/words.h"

#include <unicode/brkiter.h>
#include <unicode/ubrk.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <sstream>
#include <unordered_map>

#include "runtime/error.h"
#include "runtime/files.h"
#include "tables/utf8.h"

namespace limner {
namespace {

void check(UErrorCode status, const char* what) {
  if (U_FAILURE(status)) fail(ExitCode::internal, "ICU cannot {}: {}", what, u_errorName(status));
}

icu::UnicodeString lower_case(const std::string& text) {
  return icu::UnicodeString::fromUTF8(text).toLower(icu::Locale::getRoot());
}

// "the guitar’s" and "the guitar's" are one word, and the possessive is no part of it.
icu::UnicodeString plain_form(icu::UnicodeString word) {
  word.findAndReplace(icu::UnicodeString(char16_t{0x2019}), icu::UnicodeString(u'\''));
  if (word.endsWith(icu::UnicodeString(u"'s"))) word.truncate(word.length() - 2);
  return word;
}

std::string to_utf8(const icu::UnicodeString& letters) {
  std::string bytes;
  letters.toUTF8String(bytes);
  return bytes;
}

// One word a line; blank lines and lines that begin with # are passed over.
std::vector<icu::UnicodeString> read_word_list(const std::string& path) {
  std::vector<icu::UnicodeString> words;
  std::istringstream lines(read_file(path));
  int64_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (!valid_utf8(line)) fail(ExitCode::bad_data, "{}:{}: not UTF-8", path, number);
    icu::UnicodeString word = lower_case(line).trim();
    if (!word.isEmpty() && word[0] != u'#') words.push_back(std::move(word));
  }
  return words;
}

// A word as it is cut. A gap is what no word goes across: blanks, punctuation, numbers, stop words.
struct Piece {
  std::string word;
  enum class Kind : uint8_t { gap, lone_character, word } kind;
};

// Joins runs of lone characters; the words in their order.
std::vector<std::string> join_lone_characters(const std::vector<Piece>& pieces) {
  constexpr size_t longest = 4;
  std::vector<std::string> words;
  for (size_t first = 0; first < pieces.size();) {
    if (pieces[first].kind != Piece::Kind::lone_character) {
      if (pieces[first].kind == Piece::Kind::word) words.push_back(pieces[first].word);
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
    if (characters <= longest && (characters > 1 || !attached)) words.push_back(joined);
    first = last;
  }
  return words;
}

// Words of alphabets end at blanks; a dictionary's "art" is no part of "start".
bool joined_by_alphabet(const icu::UnicodeString& letters, int32_t boundary) {
  const auto of_alphabet = [](UChar32 code) {
    return u_isalnum(code) && !u_hasBinaryProperty(code, UCHAR_IDEOGRAPHIC);
  };
  return boundary > 0 && boundary < letters.length() &&
         of_alphabet(letters.char32At(letters.moveIndex32(boundary, -1))) &&
         of_alphabet(letters.char32At(boundary));
}

// The user's words by their first letter, the longest first.
class Dictionary {
 public:
  void add(const icu::UnicodeString& word) { words_[word[0]].push_back(word); }
  void sort() {
    for (auto& [letter, words] : words_) {
      std::sort(words.begin(), words.end(),
                [](const auto& a, const auto& b) { return a.length() > b.length(); });
    }
  }
  bool empty() const { return words_.empty(); }
  // Length of the word that stands at `from`; 0: none.
  int32_t match(const icu::UnicodeString& letters, int32_t from) const {
    const auto words = words_.find(letters[from]);
    if (words == words_.end() || joined_by_alphabet(letters, from)) return 0;
    for (const icu::UnicodeString& word : words->second) {
      if (letters.compare(from, word.length(), word) == 0 &&
          !joined_by_alphabet(letters, from + word.length())) {
        return word.length();
      }
    }
    return 0;
  }

 private:
  std::unordered_map<char16_t, std::vector<icu::UnicodeString>> words_;
};

}  // namespace

struct WordCutter::State {
  std::unique_ptr<icu::BreakIterator> words, sentences;
  Dictionary dictionary;
  std::unordered_set<std::string> own_stop_words;

  bool is_stop_word(const std::string& word) const {
    return stop_words().contains(word) || own_stop_words.contains(word);
  }

  Piece piece(const icu::UnicodeString& letters, int32_t kind) const {
    if (kind < UBRK_WORD_LETTER) return {"", Piece::Kind::gap};
    const icu::UnicodeString plain = plain_form(letters);
    const bool latin = kind < UBRK_WORD_KANA;
    if (latin && plain.countChar32() < 3) return {"", Piece::Kind::gap};
    std::string word = to_utf8(plain);
    if (is_stop_word(word)) return {"", Piece::Kind::gap};
    const bool lone = !latin && plain.countChar32() == 1;
    return {std::move(word), lone ? Piece::Kind::lone_character : Piece::Kind::word};
  }

  void cut_between(const icu::UnicodeString& letters, int32_t begin, int32_t end,
                   std::vector<Piece>& pieces) {
    if (begin == end) return;
    const icu::UnicodeString part = letters.tempSubStringBetween(begin, end);
    words->setText(part);
    int32_t from = words->first();
    for (int32_t to = words->next(); to != icu::BreakIterator::DONE; from = to, to = words->next()) {
      pieces.push_back(piece(part.tempSubStringBetween(from, to), words->getRuleStatus()));
    }
  }

  std::vector<Piece> cut(const icu::UnicodeString& letters) {
    std::vector<Piece> pieces;
    int32_t from = 0;
    for (int32_t at = 0; !dictionary.empty() && at < letters.length();) {
      const int32_t length = dictionary.match(letters, at);
      if (length == 0) {
        ++at;
        continue;
      }
      cut_between(letters, from, at, pieces);
      std::string word = to_utf8(letters.tempSubString(at, length));
      if (!is_stop_word(word)) pieces.push_back({std::move(word), Piece::Kind::word});
      at += length;
      from = at;
    }
    cut_between(letters, from, letters.length(), pieces);
    return pieces;
  }
};

std::string word_rules_version() {
  UVersionInfo version;
  char letters[U_MAX_VERSION_STRING_LENGTH];
  u_getVersion(version);
  u_versionToString(version, letters);
  return letters;
}

WordCutter::WordCutter(const WordSettings& settings) : state_(std::make_unique<State>()) {
  UErrorCode status = U_ZERO_ERROR;
  state_->words.reset(icu::BreakIterator::createWordInstance(icu::Locale::getRoot(), status));
  check(status, "cut words");
  state_->sentences.reset(icu::BreakIterator::createSentenceInstance(icu::Locale::getRoot(), status));
  check(status, "cut sentences");
  if (settings.dictionary) {
    for (const icu::UnicodeString& word : read_word_list(*settings.dictionary)) state_->dictionary.add(word);
    state_->dictionary.sort();
  }
  if (settings.stop_words) {
    for (const icu::UnicodeString& word : read_word_list(*settings.stop_words))
      state_->own_stop_words.insert(to_utf8(word));
  }
}

WordCutter::~WordCutter() = default;

std::vector<std::string> WordCutter::words(const std::string& text) {
  return join_lone_characters(state_->cut(lower_case(text)));
}

std::vector<std::string> WordCutter::distinct_words(const std::string& text) {
  std::vector<std::string> distinct;
  std::unordered_set<std::string> known;
  for (std::string& word : words(text)) {
    if (known.insert(word).second) distinct.push_back(std::move(word));
  }
  return distinct;
}

std::vector<std::string> WordCutter::sentences(const std::string& text) {
  const icu::UnicodeString letters = icu::UnicodeString::fromUTF8(text);
  icu::BreakIterator& boundaries = *state_->sentences;
  boundaries.setText(letters);
  std::vector<std::string> sentences;
  int32_t from = boundaries.first();
  for (int32_t to = boundaries.next(); to != icu::BreakIterator::DONE; from = to, to = boundaries.next()) {
    std::string sentence = to_utf8(letters.tempSubStringBetween(from, to).trim());
    if (!sentence.empty()) sentences.push_back(std::move(sentence));
  }
  return sentences;
}

}  // namespace limner
