// UTF-8: checking, walking and writing code points.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace limner {

// Strict: overlong forms, surrogates, code points above U+10FFFF and torn sequences are invalid.
bool valid_utf8(std::string_view text);

// Code points of a valid text.
int64_t count_characters(std::string_view text);

// The code point at `position` of a valid text; moves `position` behind it.
inline char32_t next_character(std::string_view text, size_t& position) {
  const auto byte = [&](size_t offset) {
    return static_cast<char32_t>(static_cast<unsigned char>(text[position + offset]));
  };
  const char32_t first = byte(0);
  if (first < 0x80) {
    position += 1;
    return first;
  }
  char32_t character = 0;
  if (first < 0xe0) {
    character = (first & 0x1f) << 6 | (byte(1) & 0x3f);
    position += 2;
  } else if (first < 0xf0) {
    character = (first & 0x0f) << 12 | (byte(1) & 0x3f) << 6 | (byte(2) & 0x3f);
    position += 3;
  } else {
    character = (first & 0x07) << 18 | (byte(1) & 0x3f) << 12 | (byte(2) & 0x3f) << 6 | (byte(3) & 0x3f);
    position += 4;
  }
  return character;
}

void append_character(std::string& text, char32_t character);

}  // namespace limner
