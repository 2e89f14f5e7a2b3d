// The words of a text, as BERT's pre-tokenizer cuts them, and the added tokens between them.
#pragma once

#include <string_view>

#include "text/normalized_text.h"

namespace limner {

class WordReader {
 public:
  WordReader(const CharacterTable& table, const AddedTokenSet& raw_tokens,
             const AddedTokenSet& normalized_tokens)
      : raw_(raw_text_, raw_tokens),
        normalized_text_(raw_, table),
        words_(normalized_text_, normalized_tokens) {}
  WordReader(const WordReader&) = delete;
  WordReader& operator=(const WordReader&) = delete;

  // Calls on_word(begin, end), a range of at(), for each word, and on_token(id, begin, end), a range of code
  // points of the text, for each added token, in the order of the text, until one of them returns false.
  template <class OnWord, class OnToken>
  void read(std::string_view text, OnWord&& on_word, OnToken&& on_token) {
    raw_text_.restart(text);
    raw_.restart();
    for (;;) {
      if (!read_piece(on_word, on_token)) return;
      const auto found = raw_.leave();
      if (!found || !on_token(found->id, found->begin, found->end)) return;
    }
  }

  const NormalizedCharacter& at(int64_t index) const { return normalized_text_.at(index); }

 private:
  RawText raw_text_;
  PieceReader<RawText> raw_;
  NormalizedText normalized_text_;
  PieceReader<NormalizedText> words_;

  // A piece of the text without raw added tokens.
  template <class OnWord, class OnToken>
  bool read_piece(OnWord& on_word, OnToken& on_token) {
    normalized_text_.restart();
    words_.restart();
    for (;;) {
      if (!read_words(on_word)) return false;
      const auto found = words_.leave();
      if (!found) return true;
      if (found->begin < found->end &&
          !on_token(found->id, at(found->begin).source, at(found->end - 1).source + 1)) {
        return false;
      }
    }
  }

  template <class OnWord>
  bool read_words(OnWord& on_word) {
    int64_t begin = words_.begin(), index = begin;
    for (; words_.has(index); ++index) {
      const CharacterClass character_class = at(index).character_class();
      if (character_class == CharacterClass::word) continue;
      if (begin < index && !on_word(begin, index)) return false;
      if (character_class == CharacterClass::isolated && !on_word(index, index + 1)) return false;
      begin = index + 1;
    }
    return begin == index || on_word(begin, index);
  }
};

}  // namespace limner
