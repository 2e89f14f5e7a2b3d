// What BERT's normalizer and pre-tokenizer make of each code point, worked out once.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace limner {

// The fields of `tokenizers`' BertNormalizer.
struct NormalizerOptions {
  bool clean_text = true;
  bool handle_chinese_chars = true;
  std::optional<bool> strip_accents;  // nothing: as lowercase
  bool lowercase = true;
  bool strips_accents() const { return strip_accents.value_or(lowercase); }
};

// A character of normalized text.
enum class CharacterClass : uint8_t {
  word,      // joins its neighbours
  isolated,  // a word of its own: punctuation, an ideograph
  space,     // parts words
};
struct NormalizedCharacter {
  uint32_t packed;  // code point and, above it, the class
  int32_t source;   // index of the code point of the text that it came from
  char32_t code() const { return packed & 0x1FFFFF; }
  CharacterClass character_class() const { return static_cast<CharacterClass>(packed >> 21); }
};

class CharacterTable {
 public:
  enum class Spaces : uint8_t {
    implied,   // an ideograph is one isolated character
    explicit_  // an ideograph has a space on both sides, as the normalizer writes it (for matching added
               // tokens)
  };
  // The table of these settings. Each of them is worked out at its first use, and stays.
  static const CharacterTable& of(const NormalizerOptions& options, Spaces spaces);

  // An entry without flags is the packed normalized character itself.
  static constexpr uint32_t first_flag = 1u << 23;
  static constexpr uint32_t dropped = 1u << 23;      // leaves nothing
  static constexpr uint32_t transparent = 1u << 24;  // dropped before accents are looked at
  static constexpr uint32_t sequence = 1u << 25;     // several characters: expansion()
  static constexpr uint32_t mark = 1u << 26;         // not a starter: takes part in reordering
  static constexpr uint32_t leaves_mark = 1u << 27;  // decomposes into a starter and marks that are kept
  uint32_t entry(char32_t code) const { return entries_[pages_[code >> 8] + (code & 0xFF)] ^ code; }

  // The packed characters of a `sequence` entry.
  const std::vector<uint32_t>& expansion(uint32_t entry) const { return expansions_[entry & 0x1FFFFF]; }

  // One step of the normalizer for the slow path, in its order: decompose, drop marks, lower-case and
  // classify.
  struct Part {
    char32_t code;
    int combining_class;
    bool replaces;  // takes the place of a character of the text (the first part), else is inserted after one
    int32_t source;  // set by the caller
  };
  void append_parts(char32_t code, std::vector<Part>& parts) const;
  void append_packed(char32_t decomposed, std::vector<uint32_t>& packed) const;

 private:
  NormalizerOptions options_;
  bool strips_accents_;
  bool explicit_spaces_;
  std::array<uint32_t, 0x1100> pages_;  // offset of a page of 256 entries; equal pages are stored once
  std::vector<uint32_t>
      entries_;  // exclusive-or the code point, so that pages of unchanged characters are equal
  std::vector<std::vector<uint32_t>> expansions_;

  CharacterTable(const NormalizerOptions& options, Spaces spaces);
  uint32_t make_entry(char32_t code);
};

}  // namespace limner
