// CRC-32C (Castagnoli), the checksum of TFRecord files: crc32c("123456789") is 0xe3069283.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace limner {

inline uint32_t crc32c(std::string_view bytes) {
  static constexpr std::array<uint32_t, 256> table = [] {
    std::array<uint32_t, 256> values{};
    for (uint32_t byte = 0; byte < 256; ++byte) {
      uint32_t word = byte;
      for (int bit = 0; bit < 8; ++bit) word = (word >> 1) ^ ((word & 1u) != 0 ? 0x82F63B78u : 0u);
      values[byte] = word;
    }
    return values;
  }();
  uint32_t crc = 0xFFFFFFFFu;
  for (const char byte : bytes) crc = table[(crc ^ static_cast<uint8_t>(byte)) & 0xFFu] ^ (crc >> 8);
  return crc ^ 0xFFFFFFFFu;
}

}  // namespace limner
