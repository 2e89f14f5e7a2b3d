// What the report says, in English and Chinese: one table of phrases by name (report_phrases.txt), in which a
// phrase has an English and a Chinese line with the same {} in it.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace limner {

enum class Language : uint8_t { english, chinese };

class Phrases {
 public:
  explicit Phrases(Language language) : language_(language) {}
  // The phrase with its {} filled in. Errors: no phrase of that name (internal).
  template <class... Arguments>
  std::string operator()(std::string_view name, const Arguments&... arguments) const {
    return fmt::vformat(text(name), fmt::make_format_args(arguments...));
  }
  // "one customer", "1,381 customers", "1,381 位客户": an English phrase of two forms has | between them.
  std::string count(std::string_view name, int64_t count) const;
  // The form of many, for a script to fill in.
  std::string form(std::string_view name) const;
  // A word that Limner chose out of few ("logistic", "missing text") in this language; anything else as it
  // is: names of the user's own stand among them.
  std::string word(std::string_view prefix, const std::string& value) const;
  // Sentences one after another, and the members of a list; empty ones are passed over.
  std::string join(const std::vector<std::string>& sentences) const;
  std::string list(const std::vector<std::string>& members) const;
  Language language() const { return language_; }

 private:
  Language language_;
  std::string_view text(std::string_view name) const;
};

// The table itself, for tests.
struct Phrase {
  std::string_view name, english, chinese;
};
const std::vector<Phrase>& phrase_table();

}  // namespace limner
