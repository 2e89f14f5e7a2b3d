// What turns a piece of text into tokens: WordPiece, byte pair encoding or Unigram.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace limner {

class TokenModel {
 public:
  struct Token {
    int32_t id;
    int32_t begin, end;  // bytes of the piece
  };
  virtual ~TokenModel() = default;

  // Appends the tokens of a piece; of an open one, which more text may go on, only those that are certain.
  virtual void tokenize(std::string_view piece, bool open, std::vector<Token>& tokens) const = 0;
};

}  // namespace limner
