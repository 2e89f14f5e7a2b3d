// Tokens that are found in the text itself, before it is cut into words: "[CLS]", "[MASK]" and whatever was
// added to a vocabulary.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

namespace limner {

struct AddedToken {
  std::string content;
  int32_t id = 0;
  bool single_word = false;  // only where no word character touches it
  bool lstrip = false;       // takes the white space before it
  bool rstrip = false;       // takes the white space behind it
  bool normalized = false;   // is looked for in the normalized text, in its normalized form
  bool special = false;
};

// Added tokens that are searched together: all on the text as given, or all on the normalized text.
class AddedTokenSet {
 public:
  struct Pattern {
    std::u32string form;  // what is looked for
    int32_t id;
    bool single_word, lstrip, rstrip;
  };
  // No form may be empty or occur twice.
  explicit AddedTokenSet(std::vector<Pattern> patterns);

  bool empty() const { return patterns_.empty(); }
  bool any_lstrip() const { return any_lstrip_; }
  size_t longest() const { return patterns_.empty() ? 0 : patterns_.front().form.size(); }  // characters

  // The longest pattern that stands at `index` of the characters, or nothing. `Characters` has bool
  // has(index) and char32_t code(index).
  template <class Characters>
  const Pattern* find(Characters& characters, int64_t index) const {
    const char32_t first = characters.code(index);
    if (!may_begin_[first & 0xFF]) return nullptr;
    const auto candidates = by_first_.find(first);
    if (candidates == by_first_.end()) return nullptr;
    for (const size_t candidate : candidates->second) {
      if (stands_at(patterns_[candidate].form, characters, index)) return &patterns_[candidate];
    }
    return nullptr;
  }

 private:
  std::vector<Pattern> patterns_;  // longer ones first
  std::vector<bool> may_begin_;    // by the low byte of a pattern's first character
  std::unordered_map<char32_t, std::vector<size_t>> by_first_;
  bool any_lstrip_ = false;

  template <class Characters>
  static bool stands_at(const std::u32string& form, Characters& characters, int64_t index) {
    for (const char32_t code : form) {
      if (!characters.has(index) || characters.code(index) != code) return false;
      ++index;
    }
    return true;
  }
};

// contents[id] = content; an id without one is empty. An id far beyond the number of entries is bad_data: the
// table has a place for each id up to the largest.
void put_content(std::vector<std::string>& contents, size_t entries, int32_t id, const std::string& content);

}  // namespace limner
