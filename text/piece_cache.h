// The tokens of pieces seen before: most words of a text are.
#pragma once

#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/token_model.h"

namespace limner {

class PieceCache {
 public:
  explicit PieceCache(int places_log2)
      : shift_(64 - places_log2), entries_(size_t{1} << static_cast<unsigned>(places_log2)) {}

  // The tokens of the piece, if they are kept.
  const std::vector<TokenModel::Token>* find(std::string_view piece) {
    if (piece.size() > longest) return nullptr;
    const Entry& entry = entries_[place(piece)];
    return entry.piece == piece && !entry.piece.empty() ? &entry.tokens : nullptr;
  }
  // Takes the place of another piece where two would share one.
  void keep(std::string_view piece, std::span<const TokenModel::Token> tokens) {
    if (piece.size() > longest) return;
    Entry& entry = entries_[place(piece)];
    entry.piece = piece;
    entry.tokens.assign(tokens.begin(), tokens.end());
  }

 private:
  static constexpr size_t longest = 64;  // bytes
  struct Entry {
    std::string piece;
    std::vector<TokenModel::Token> tokens;
  };
  int shift_;
  std::vector<Entry> entries_;

  size_t place(std::string_view piece) const {
    uint64_t hash = piece.size();
    size_t index = 0;
    for (; index + 8 <= piece.size(); index += 8) {
      uint64_t word = 0;
      std::memcpy(&word, piece.data() + index, 8);
      hash = (hash ^ word) * 0x9E3779B97F4A7C15u;
      hash ^= hash >> 29;
    }
    uint64_t rest = 0;
    std::memcpy(&rest, piece.data() + index, piece.size() - index);
    hash = (hash ^ rest) * 0x9E3779B97F4A7C15u;
    hash ^= hash >> 32;
    return static_cast<size_t>((hash * 0x9E3779B97F4A7C15u) >> shift_);
  }
};

}  // namespace limner
