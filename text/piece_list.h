// A text cut into pieces, as pre-tokenizers see it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace limner {

struct PieceList {
  struct Piece {
    size_t begin, end;   // bytes
    int32_t token = -1;  // an added token that was found in the text; others are still to be cut
    bool open = false;   // only the last piece: more text may go on it or change where it ends
  };
  std::string bytes;             // UTF-8
  std::vector<int32_t> sources;  // of each byte: the code point of the raw text it belongs to
  std::vector<Piece> pieces;

  std::string_view text(const Piece& piece) const {
    return std::string_view(bytes).substr(piece.begin, piece.end - piece.begin);
  }
  void clear() {
    bytes.clear();
    sources.clear();
    pieces.clear();
  }
};

}  // namespace limner
