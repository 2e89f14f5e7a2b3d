#include "profile/lexicon.h"

#include <unicode/locid.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <sstream>
#include <vector>

#include "runtime/error.h"
#include "runtime/files.h"
#include "tables/utf8.h"

namespace limner {
namespace {

constexpr int turned_words = 3;

std::string lower_case(const std::string& text) {
  std::string lower;
  icu::UnicodeString::fromUTF8(text).toLower(icu::Locale::getRoot()).toUTF8String(lower);
  return lower;
}

size_t bytes_of(unsigned char first) { return first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4; }

// Letters of alphabets that are written in words; the bytes of a text that is UTF-8. Han, kana and the like
// begin at U+2E80 (0xe2 0xba 0x80); punctuation of U+2000..U+2E7F ends words.
bool in_word(const std::string& text, size_t at) {
  const auto byte = static_cast<unsigned char>(text[at]);
  if (byte < 0x80) return std::isalpha(byte) != 0 || byte == '\'';
  return byte != 0xc2 && byte < 0xe2;  // within a word also the bytes that follow a first one
}

bool ends_sentence(const std::string& text, size_t at, size_t length) {
  static const std::vector<std::string> ends{".",  "!",  "?",  ";",  ",",  "\n",
                                             "。", "！", "？", "；", "，", "…"};
  return std::find(ends.begin(), ends.end(), text.substr(at, length)) != ends.end();
}

}  // namespace

Lexicon::Lexicon(const std::optional<std::string>& path) {
  read(built_in_lexicon, "the built-in lexicon");
  if (path) read(read_file(*path), *path);
}

void Lexicon::read(const std::string& content, const std::string& source) {
  std::istringstream lines(content);
  int64_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (line.ends_with('\r')) line.pop_back();
    if (line.empty() || line[0] == '#') continue;
    if (!valid_utf8(line)) fail(ExitCode::bad_data, "{}:{}: not UTF-8", source, number);
    const size_t tab = line.find('\t');
    if (tab == std::string::npos || tab == 0) {
      fail(ExitCode::bad_data, "{}:{}: is no word, tab and weight", source, number);
    }
    const std::string value = line.substr(tab + 1);
    Entry entry;
    if (value == "not") {
      entry.turns = true;
    } else {
      const auto end = std::from_chars(value.data(), value.data() + value.size(), entry.weight);
      if (end.ec != std::errc() || end.ptr != value.data() + value.size() || !(std::abs(entry.weight) <= 1)) {
        fail(ExitCode::bad_data, "{}:{}: the weight is no number from -1 to 1, nor `not`", source, number);
      }
    }
    const std::string word = lower_case(line.substr(0, tab));
    longest_ = std::max(longest_, word.size());
    entries_[word] = entry;
  }
}

const Lexicon::Entry* Lexicon::find(const std::string& word) const {
  const auto found = entries_.find(word);
  return found == entries_.end() ? nullptr : &found->second;
}

// Of a text without word boundaries.
const Lexicon::Entry* Lexicon::longest_match(const std::string& text, size_t at, size_t& length) const {
  const Entry* best = nullptr;
  for (size_t size = 0; at + size < text.size() && size < longest_;) {
    size += bytes_of(static_cast<unsigned char>(text[at + size]));
    if (at + size > text.size()) break;
    const Entry* entry = find(text.substr(at, size));
    if (!entry) continue;
    best = entry;
    length = size;
  }
  return best;
}

double Lexicon::score(const std::string& text) const {
  std::string letters = lower_case(text);
  const std::string curly = "\u2019";  // don’t
  for (size_t at = letters.find(curly); at != std::string::npos; at = letters.find(curly, at))
    letters.replace(at, curly.size(), "'");
  double sum = 0, size = 0;
  int turned = 0;  // words that are still turned
  for (size_t at = 0; at < letters.size();) {
    size_t length = bytes_of(static_cast<unsigned char>(letters[at]));
    const Entry* entry = nullptr;
    const bool word = in_word(letters, at);
    if (word) {
      length = 0;
      while (at + length < letters.size() && in_word(letters, at + length)) ++length;
      const std::string plain = letters.substr(at, length);
      entry = plain.ends_with("n't") ? find("not") : find(plain);
    } else if (static_cast<unsigned char>(letters[at]) >= 0xe2) {
      entry = longest_match(letters, at, length);
    }
    if (ends_sentence(letters, at, length)) turned = 0;
    if (entry && entry->turns) {
      turned = turned_words + 1;
    } else if (entry) {
      sum += turned > 0 ? -entry->weight : entry->weight;
      size += std::abs(entry->weight);
      turned = 0;
    }
    const bool blank = !word && static_cast<unsigned char>(letters[at]) < 0x80;
    if (!blank) turned = std::max(0, turned - 1);
    at += length;
  }
  return size > 0 ? sum / size : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace limner
