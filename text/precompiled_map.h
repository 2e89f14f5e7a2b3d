// The normalizer of SentencePiece models: a map from character sequences to text, compiled into a trie.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/aligned_text.h"

namespace limner {

class PrecompiledMap {
 public:
  // The field precompiled_charsmap: the size of the trie in bytes, the trie (Darts' units), and the texts,
  // each ended by a zero. `where` names it in messages. Errors: bad_data.
  PrecompiledMap(std::string_view bytes, const std::string& where);

  void normalize(AlignedText& text) const;

 private:
  std::vector<uint32_t> units_;
  std::string texts_;
  std::vector<std::optional<std::u32string>> ascii_;  // of each basic character alone

  std::optional<std::u32string> replacement(std::string_view sequence) const;
};

std::string decode_base64(std::string_view text, const std::string& where);
std::string encode_base64(std::string_view bytes);

}  // namespace limner
