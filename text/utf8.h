// UTF-8 to code points and back.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace limner {

constexpr char32_t replacement_character = 0xFFFD;

// The code point at bytes[position], which moves behind it. A broken sequence gives U+FFFD for each maximal
// part that could have begun a character (Unicode 15, section 3.9), as Python's errors="replace" does.
inline char32_t next_code_point(std::string_view bytes, size_t& position) {
  const auto lead = static_cast<uint8_t>(bytes[position++]);
  if (lead < 0x80) return lead;
  int continuing = 0;
  uint8_t lowest = 0x80, highest = 0xBF;  // of the first continuing byte: no overlong form, no surrogate
  char32_t code = 0;
  if (lead >= 0xC2 && lead <= 0xDF) {
    continuing = 1;
    code = lead & 0x1Fu;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    continuing = 2;
    code = lead & 0x0Fu;
    if (lead == 0xE0) lowest = 0xA0;
    if (lead == 0xED) highest = 0x9F;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    continuing = 3;
    code = lead & 0x07u;
    if (lead == 0xF0) lowest = 0x90;
    if (lead == 0xF4) highest = 0x8F;
  } else {
    return replacement_character;
  }
  for (; continuing > 0; --continuing) {
    if (position == bytes.size()) return replacement_character;
    const auto byte = static_cast<uint8_t>(bytes[position]);
    if (byte < lowest || byte > highest) return replacement_character;
    code = (code << 6) | (byte & 0x3Fu);
    ++position;
    lowest = 0x80;
    highest = 0xBF;
  }
  return code;
}

inline std::u32string to_code_points(std::string_view bytes) {
  std::u32string codes;
  for (size_t position = 0; position < bytes.size();) codes.push_back(next_code_point(bytes, position));
  return codes;
}

inline void append_utf8(std::string& bytes, char32_t code) {
  const auto put = [&bytes](uint32_t byte) { bytes.push_back(static_cast<char>(byte)); };
  if (code < 0x80) return put(code);
  if (code < 0x800) {
    put(0xC0 | (code >> 6));
  } else {
    if (code < 0x10000) {
      put(0xE0 | (code >> 12));
    } else {
      put(0xF0 | (code >> 18));
      put(0x80 | ((code >> 12) & 0x3F));
    }
    put(0x80 | ((code >> 6) & 0x3F));
  }
  put(0x80 | (code & 0x3F));
}

inline bool is_valid_utf8(std::string_view bytes) {
  for (size_t position = 0; position < bytes.size();) {
    const size_t start = position;
    const char32_t code = next_code_point(bytes, position);
    if (code == replacement_character && bytes.substr(start, position - start) != "\xEF\xBF\xBD")
      return false;
  }
  return true;
}

}  // namespace limner
