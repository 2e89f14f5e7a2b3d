// WordPiece on pieces that any normalizer and pre-tokenizer may have made.
#pragma once

#include <string_view>
#include <vector>

#include "text/token_model.h"
#include "text/utf8.h"
#include "text/word_pieces.h"

namespace limner {

class WordPieceModel : public TokenModel {
 public:
  explicit WordPieceModel(WordPieces pieces) : pieces_(std::move(pieces)) {}

  void tokenize(std::string_view piece, bool open, std::vector<Token>& tokens) const override {
    if (open) return;  // what follows decides whether the word is unknown
    std::vector<char32_t> codes;
    std::vector<int32_t> ends = {0};  // of the characters, in bytes, behind a zero
    for (size_t position = 0; position < piece.size();) {
      codes.push_back(next_code_point(piece, position));
      ends.push_back(static_cast<int32_t>(position));
    }
    std::vector<WordPieces::Piece> found;
    pieces_.split(
        static_cast<int64_t>(codes.size()), [&](int32_t index) { return codes[static_cast<size_t>(index)]; },
        found);
    for (const WordPieces::Piece& part : found)
      tokens.push_back({part.id, ends[static_cast<size_t>(part.begin)], ends[static_cast<size_t>(part.end)]});
  }

 private:
  WordPieces pieces_;
};

}  // namespace limner
