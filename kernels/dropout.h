// Which elements dropout keeps: the one definition, scalar and free of any runtime, that every device follows
// (a GPU compiles these very functions).
//
// Eight neighbouring elements share one Philox4x32-10 block (Salmon et al., "Parallel random numbers: as easy
// as 1, 2, 3", SC 2011) and take 16 bits each. counter = {element / 8, position in the row, row key low, row
// key high}, key = the 64-bit Dropout::key. Element e takes half e % 2 (the low half first) of word e % 8
// / 2. It is kept when its 16 bits are not below round(probability * 65536): the probability is exact to
// 2^-17.
#pragma once

#include <cstdint>

#include "kernels/host_device.h"

namespace limner {

struct PhiloxBlock {
  uint32_t word[4];
};

inline constexpr uint32_t kPhiloxMultiplier0 = 0xD2511F53u;
inline constexpr uint32_t kPhiloxMultiplier1 = 0xCD9E8D57u;
inline constexpr uint32_t kPhiloxWeyl0 = 0x9E3779B9u;
inline constexpr uint32_t kPhiloxWeyl1 = 0xBB67AE85u;
inline constexpr int kPhiloxRounds = 10;
inline constexpr int64_t kDropoutElementsPerBlock = 8;
inline constexpr int64_t kDropoutElementsPerHead = 65536;  // attention: element = head * this + key position

LIMNER_HOST_DEVICE constexpr PhiloxBlock philox_block(PhiloxBlock counter, uint64_t key) {
  uint32_t key0 = static_cast<uint32_t>(key);
  uint32_t key1 = static_cast<uint32_t>(key >> 32);
  for (int round = 0; round < kPhiloxRounds; ++round) {
    const uint64_t product0 = static_cast<uint64_t>(kPhiloxMultiplier0) * counter.word[0];
    const uint64_t product1 = static_cast<uint64_t>(kPhiloxMultiplier1) * counter.word[2];
    counter = {
        {static_cast<uint32_t>(product1 >> 32) ^ counter.word[1] ^ key0, static_cast<uint32_t>(product1),
         static_cast<uint32_t>(product0 >> 32) ^ counter.word[3] ^ key1, static_cast<uint32_t>(product0)}};
    key0 += kPhiloxWeyl0;
    key1 += kPhiloxWeyl1;
  }
  return counter;
}

// 16 bits are kept when they are not below this.
LIMNER_HOST_DEVICE constexpr uint32_t dropout_threshold(float probability) {
  // NOLINTNEXTLINE(bugprone-incorrect-roundings): std::lround is not constexpr; half-way cases do not matter
  return static_cast<uint32_t>(probability * 65536.0f + 0.5f);
}

LIMNER_HOST_DEVICE constexpr float dropout_scale(float probability) { return 1.0f / (1.0f - probability); }

LIMNER_HOST_DEVICE constexpr bool dropout_keeps(float probability, uint64_t key, int64_t row_key,
                                                int64_t position, int64_t element) {
  const uint64_t row = static_cast<uint64_t>(row_key);
  const PhiloxBlock block = philox_block(
      {{static_cast<uint32_t>(element / kDropoutElementsPerBlock), static_cast<uint32_t>(position),
        static_cast<uint32_t>(row), static_cast<uint32_t>(row >> 32)}},
      key);
  const int64_t lane = element % kDropoutElementsPerBlock;
  const uint32_t bits = (block.word[lane / 2] >> (16 * (lane % 2))) & 0xFFFFu;
  return bits >= dropout_threshold(probability);
}

}  // namespace limner
