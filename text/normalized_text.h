// Text through BERT's normalizer, character by character and only as far as it is read.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "text/character_table.h"
#include "text/piece_reader.h"
#include "text/utf8.h"

namespace limner {

// The code points of a UTF-8 text.
class RawText {
 public:
  void restart(std::string_view bytes) {
    bytes_ = bytes;
    next_byte_ = 0;
    codes_.clear();
  }
  bool has(int64_t index) {
    while (index >= static_cast<int64_t>(codes_.size())) {
      if (!decode()) return false;
    }
    return true;
  }
  char32_t code(int64_t index) const { return codes_[static_cast<size_t>(index)]; }

 private:
  std::string_view bytes_;
  size_t next_byte_ = 0;
  std::vector<char32_t> codes_;

  bool decode();  // some more
};

// One plain piece of the raw text, normalized.
class NormalizedText {
 public:
  NormalizedText(PieceReader<RawText>& raw, const CharacterTable& table) : raw_(raw), table_(table) {}

  // Starts at the beginning of the piece that the raw reader stands in.
  void restart() {
    characters_.clear();
    next_raw_ = raw_.begin();
  }
  bool has(int64_t index) {
    while (index >= static_cast<int64_t>(characters_.size())) {
      if (!normalize()) return false;
    }
    return true;
  }
  const NormalizedCharacter& at(int64_t index) const { return characters_[static_cast<size_t>(index)]; }
  char32_t code(int64_t index) const { return at(index).code(); }

 private:
  PieceReader<RawText>& raw_;
  const CharacterTable& table_;
  int64_t next_raw_ = 0;
  std::vector<NormalizedCharacter> characters_;
  std::vector<CharacterTable::Part> parts_;  // scratch of reorder()
  std::vector<uint32_t> packed_;

  bool normalize();  // some more
  void normalize_flagged(uint32_t entry);
  int64_t marks_end(int64_t index, bool& any_kept);
  void reorder(int64_t end);
};

}  // namespace limner
