// Parts a text at added tokens, reading no further than it is asked for.
#pragma once

#include <algorithm>
#include <limits>
#include <optional>

#include "text/added_tokens.h"
#include "text/unicode.h"

namespace limner {

// A text is plain pieces with added tokens between them. The reader stands in one piece at a time; has(index)
// says whether the character at `index` is in it, and looks for added tokens only so far ahead as this takes.
// `Characters` has bool has(index) and char32_t code(index), both for ascending indices from 0.
template <class Characters>
class PieceReader {
 public:
  struct Found {
    int32_t id;
    int64_t begin, end;  // characters; white space taken by lstrip and rstrip included
  };

  PieceReader(Characters& characters, const AddedTokenSet& tokens)
      : characters_(characters), tokens_(tokens) {}

  void restart() {
    begin_ = certain_ = scanned_ = behind_text_ = 0;
    found_.reset();
    finished_ = tokens_.empty();
    plain_end_ = unlimited;
  }

  int64_t begin() const { return begin_; }
  char32_t code(int64_t index) const { return characters_.code(index); }
  bool has(int64_t index) {
    while (index >= certain_ && !finished_) scan();
    return index < plain_end_ && characters_.has(index);
  }

  // Leaves the piece: the added token that ends it, or nothing at the end of the text.
  std::optional<Found> leave() {
    while (!finished_) scan();
    const std::optional<Found> found = found_;
    if (found) {
      begin_ = found->end;
      certain_ = begin_;
      plain_end_ = unlimited;
      finished_ = false;
      found_.reset();
    }
    return found;
  }

 private:
  static constexpr int64_t unlimited = std::numeric_limits<int64_t>::max();
  static constexpr int64_t scan_step = 64;

  Characters& characters_;
  const AddedTokenSet& tokens_;
  int64_t begin_ = 0;              // of the piece
  int64_t scanned_ = 0;            // no token begins before this character, unless found
  int64_t behind_text_ = 0;        // between here and scanned_ there is only white space (kept up for lstrip)
  int64_t certain_ = 0;            // characters before this one are in the piece
  bool finished_ = true;           // the end of the piece is known: plain_end_
  int64_t plain_end_ = unlimited;  // unlimited: the piece ends with the text
  std::optional<Found> found_;

  void scan() {
    const int64_t goal = scanned_ + scan_step;
    while (scanned_ < goal) {
      if (!characters_.has(scanned_)) {
        finished_ = true;
        return;
      }
      const AddedTokenSet::Pattern* pattern = tokens_.find(characters_, scanned_);
      if (pattern == nullptr) {
        ++scanned_;
        if (tokens_.any_lstrip() && !is_white_space(characters_.code(scanned_ - 1))) behind_text_ = scanned_;
        continue;
      }
      // The search goes on behind a match even if it is refused.
      const int64_t match = scanned_;
      scanned_ += static_cast<int64_t>(pattern->form.size());
      if (accept(*pattern, match)) return;
      behind_text_ = std::max(match, before_space(scanned_));
    }
    // White space may yet belong to a token that takes what stands before it.
    certain_ = std::max(begin_, tokens_.any_lstrip() ? behind_text_ : scanned_);
  }

  bool accept(const AddedTokenSet::Pattern& pattern, int64_t begin) {
    int64_t end = begin + static_cast<int64_t>(pattern.form.size());
    if (pattern.single_word) {
      if (begin > 0 && is_word_character(characters_.code(begin - 1))) return false;
      if (characters_.has(end) && is_word_character(characters_.code(end))) return false;
    }
    if (pattern.lstrip) begin = std::max(before_space(begin), begin_);
    if (pattern.rstrip) {
      while (characters_.has(end) && is_white_space(characters_.code(end))) ++end;
    }
    found_ = Found{pattern.id, begin, end};
    plain_end_ = begin;
    finished_ = true;
    return true;
  }

  int64_t before_space(int64_t index) const {
    while (index > 0 && is_white_space(characters_.code(index - 1))) --index;
    return index;
  }
};

}  // namespace limner
