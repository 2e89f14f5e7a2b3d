// Sentiment by counting good and bad words: the baseline that a model must beat.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace limner {

// lexicon.txt, compiled in.
extern const char* const built_in_lexicon;

// Words with a weight from -1 (bad) to 1 (good), and words that turn what follows. Words of alphabets are
// matched whole and in lower case; Chinese ones wherever they stand, the longest first. A turning word turns
// the next three words (Chinese: characters) up to the end of the sentence; 不错 is an entry of its own and
// is not turned by its 不.
class Lexicon {
 public:
  // A line of the file: word, tab, weight or `not`; blank lines and lines with # are passed over. Its entries
  // are added to the built-in ones or take their place. Errors: missing file (missing_input); a line of
  // another form, a weight outside -1..1, not UTF-8 (bad_data, with the line).
  explicit Lexicon(const std::optional<std::string>& path = {});
  // Sum of the weights over the sum of their sizes, -1..1; NaN where the text has no word of the lexicon.
  double score(const std::string& text) const;

 private:
  struct Entry {
    double weight = 0;
    bool turns = false;
  };
  std::unordered_map<std::string, Entry> entries_;
  size_t longest_ = 0;  // bytes of the longest entry
  void read(const std::string& content, const std::string& source);
  const Entry* find(const std::string& word) const;
  const Entry* longest_match(const std::string& text, size_t at, size_t& length) const;
};

}  // namespace limner
