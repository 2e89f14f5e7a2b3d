#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "runtime/hdf5.h"

namespace limner::hdf5 {
namespace {

// One element at a time takes the portable code; whole vectors take the processor's instructions.
uint16_t half_alone(float value) {
  uint16_t half = 0;
  to_float16(&half, &value, 1);
  return half;
}

TEST(Float16, KnownValues) {
  EXPECT_EQ(half_alone(1.0f), 0x3c00);
  EXPECT_EQ(half_alone(-2.0f), 0xc000);
  EXPECT_EQ(half_alone(1.0f / 3.0f), 0x3555);
  EXPECT_EQ(half_alone(65504.0f), 0x7bff);
  EXPECT_EQ(half_alone(65519.0f), 0x7bff);
  EXPECT_EQ(half_alone(65520.0f), 0x7c00);    // half-way to 2^16: to even, infinity
  EXPECT_EQ(half_alone(0x1p-24f), 0x0001);    // the smallest
  EXPECT_EQ(half_alone(0x1p-25f), 0x0000);    // half-way to zero: to even
  EXPECT_EQ(half_alone(0x1.8p-25f), 0x0001);  // above half-way
  EXPECT_EQ(half_alone(-0.0f), 0x8000);
  EXPECT_EQ(half_alone(std::numeric_limits<float>::infinity()), 0x7c00);
  EXPECT_EQ(half_alone(2049.0f), 0x6800);  // 2048 and 2050 are neighbours: to even
  EXPECT_EQ(half_alone(2051.0f), 0x6802);
}

TEST(Float16, EveryHalfComesBack) {
  std::vector<uint16_t> halves(65536);
  for (size_t index = 0; index < halves.size(); ++index) halves[index] = static_cast<uint16_t>(index);
  std::vector<float> floats(halves.size());
  from_float16(floats.data(), halves.data(), 65536);
  std::vector<uint16_t> back(halves.size());
  to_float16(back.data(), floats.data(), 65536);
  for (size_t index = 0; index < halves.size(); ++index) {
    float alone = 0;
    from_float16(&alone, &halves[index], 1);
    ASSERT_EQ(std::bit_cast<uint32_t>(alone), std::bit_cast<uint32_t>(floats[index])) << index;
    if (std::isnan(floats[index])) {
      ASSERT_EQ(back[index] & 0x7c00, 0x7c00);
      ASSERT_NE(back[index] & 0x03ff, 0);
    } else {
      ASSERT_EQ(back[index], halves[index]);
    }
  }
}

TEST(Float16, PortableAndVectorCodeAgree) {
  std::vector<float> floats;
  for (uint64_t word = 0; word < (uint64_t{1} << 32); word += 4099) {
    floats.push_back(std::bit_cast<float>(static_cast<uint32_t>(word)));
  }
  std::vector<uint16_t> halves(floats.size());
  to_float16(halves.data(), floats.data(), static_cast<int64_t>(floats.size()));
  for (size_t index = 0; index < floats.size(); ++index) {
    ASSERT_EQ(halves[index], half_alone(floats[index])) << floats[index];
  }
}

}  // namespace
}  // namespace limner::hdf5
