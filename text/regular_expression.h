// Regular expressions of tokenizer.json. `tokenizers` runs them with Oniguruma; here PCRE2 does, which is
// faster and can say that a match depends on text not yet read. What the two understand differently is
// translated or refused.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace limner {

class RegularExpression {
 public:
  struct Match {
    size_t begin, end;  // bytes
  };
  // Errors: bad_data with `where` for what cannot be translated or compiled.
  RegularExpression(std::string_view pattern, const std::string& where);
  static RegularExpression literal(std::string_view text, const std::string& where);
  ~RegularExpression();
  RegularExpression(RegularExpression&&) noexcept;
  RegularExpression& operator=(RegularExpression&&) noexcept;

  bool matches_empty() const;

  // Finds one match after another in a valid UTF-8 text.
  class Matches {
   public:
    Matches(const RegularExpression& expression, std::string_view text, bool open);
    ~Matches();
    Matches(const Matches&) = delete;
    Matches& operator=(const Matches&) = delete;
    // Nothing behind the last match; in an open text, behind the last one that more text cannot change.
    std::optional<Match> next();
    // Once there is no next match: up to here (bytes) none can begin, whatever text follows.
    size_t certain_end() const;

   private:
    struct State;
    std::unique_ptr<State> state_;
  };

 private:
  struct Code;
  std::unique_ptr<Code> code_;
  RegularExpression();
};

}  // namespace limner
