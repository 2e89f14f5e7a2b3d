// Byte pair encoding: the characters of a piece, then neighbours merged in the order in which the merges were
// learnt.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "text/byte_trie.h"
#include "text/token_model.h"

namespace limner {

struct BytePairOptions {
  std::optional<std::string> unknown_token;
  bool fuse_unknown = false;   // neighbouring unknown characters are one token
  bool byte_fallback = false;  // an unknown character is its bytes: <0xE2> …
  bool ignore_merges = false;  // a piece that stands in the vocabulary is one token
  bool byte_level = false;     // entries are written in the characters that stand for bytes
};

class BytePairEncoding : public TokenModel {
 public:
  using Vocabulary = std::vector<std::pair<std::string, int32_t>>;
  using Merges = std::vector<std::pair<std::string, std::string>>;

  // Errors: bad_data with `where`: a merge of or to something that is not in the vocabulary, and so on.
  BytePairEncoding(const Vocabulary& vocabulary, const Merges& merges, const BytePairOptions& options,
                   const std::string& where);

  void tokenize(std::string_view piece, bool open, std::vector<Token>& tokens) const override;

 private:
  struct Merge {
    int32_t rank, id;
  };
  struct Symbol {
    int32_t id, length;  // length 0: merged into the one before
    int32_t previous, next;
  };
  BytePairOptions options_;
  ByteTrie entries_;
  HashTable<Merge> merges_;
  int32_t unknown_ = ByteTrie::none;
  std::array<int32_t, 256> fallback_{};  // ids of <0x00> to <0xFF>; none where missing
  bool divides_ = false;                 // no entry goes on behind a character with a metaspace

  const Merge* merge_of(int32_t left, int32_t right) const {
    return merges_.find(static_cast<uint64_t>(left) << 32 | static_cast<uint32_t>(right));
  }
  void tokenize_word(std::string_view word, size_t shift, std::vector<Token>& tokens) const;
  void append_symbols(std::string_view word, std::vector<Symbol>& symbols) const;
  void merge(std::vector<Symbol>& symbols) const;
};

// The bytes that a text of a byte-level vocabulary stands for (GPT-2's table), or nothing if it has other
// characters.
std::optional<std::string> bytes_of_byte_level(std::string_view text);

}  // namespace limner
