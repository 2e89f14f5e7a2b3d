#include "tables/utf8.h"

#include <cstring>

namespace limner {

namespace {

// Length of the well-formed sequence at `bytes` (Unicode 15, table 3-7), or 0.
size_t sequence_length(const unsigned char* bytes, size_t available) {
  const unsigned char first = bytes[0];
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;
  const size_t length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (available < length) return 0;
  unsigned char low = 0x80, high = 0xbf;  // allowed range of the second byte
  if (first == 0xe0) low = 0xa0;          // overlong
  if (first == 0xed) high = 0x9f;         // surrogates
  if (first == 0xf0) low = 0x90;          // overlong
  if (first == 0xf4) high = 0x8f;         // beyond U+10FFFF
  if (bytes[1] < low || bytes[1] > high) return 0;
  for (size_t index = 2; index < length; ++index) {
    if ((bytes[index] & 0xc0) != 0x80) return 0;
  }
  return length;
}

}  // namespace

bool valid_utf8(std::string_view text) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
  size_t position = 0;
  while (position < text.size()) {
    uint64_t word = 0;
    if (position + sizeof(word) <= text.size()) {
      std::memcpy(&word, bytes + position, sizeof(word));
      if ((word & 0x8080808080808080u) == 0) {
        position += sizeof(word);
        continue;
      }
    }
    const size_t length = sequence_length(bytes + position, text.size() - position);
    if (length == 0) return false;
    position += length;
  }
  return true;
}

int64_t count_characters(std::string_view text) {
  int64_t count = 0;
  for (const char byte : text) count += (static_cast<unsigned char>(byte) & 0xc0) != 0x80 ? 1 : 0;
  return count;
}

}  // namespace limner
