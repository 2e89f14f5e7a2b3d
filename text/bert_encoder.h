// BERT's combination of steps (BertNormalizer, BertPreTokenizer, WordPiece), character by character and only
// as far as a row has room.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/tokenizer_files.h"
#include "text/word_pieces.h"
#include "text/word_reader.h"

namespace limner {

// A tokenizer's parts with what is worked out from them once.
struct BertTables {
  TokenizerParts parts;
  AddedTokenSet raw_tokens, normalized_tokens;
  const CharacterTable& table;
  int32_t unknown_id, pad_id;
  WordPieces pieces;
  std::vector<std::string> contents;  // of each id; empty where there is none

  // Errors: bad_data for special tokens that are not in the vocabulary.
  explicit BertTables(TokenizerParts given);
};

// Encodes one text after another with the same memory.
class BertEncoder {
 public:
  using Offsets = std::vector<std::pair<int32_t, int32_t>>;
  explicit BertEncoder(const BertTables& tables)
      : parts_(tables.parts),
        pieces_(tables.pieces),
        reader_(tables.table, tables.raw_tokens, tables.normalized_tokens) {}

  // Returns whether the text had more tokens than max_length. offsets may be null.
  bool encode(std::string_view text, int64_t max_length, std::vector<int32_t>& ids, Offsets* offsets);

 private:
  const TokenizerParts& parts_;
  const WordPieces& pieces_;
  WordReader reader_;
  std::vector<WordPieces::Piece> word_;
};

}  // namespace limner
