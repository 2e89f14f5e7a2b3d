#include "runtime/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace limner {
namespace {

using Words = std::array<uint32_t, 4>;

// Known answers of the authors' Random123 library.
TEST(Random, PhiloxKnownAnswers) {
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

// These values are part of the format: a change would change every split and every run.
TEST(Random, StableHashNeverChanges) {
  EXPECT_EQ(stable_hash(""), 0xef46db3751d8e999u);  // XXH64's published value
  EXPECT_EQ(stable_hash("abc"), 0x44bc2cf5ad770999u);
  EXPECT_NE(stable_hash("abc", 1), stable_hash("abc", 0));
}

TEST(Random, BitsAreElementsOfPhiloxBlocks) {
  const Random random(uint64_t{0x0123456789abcdef}, uint64_t{0xfedcba9876543210});
  const Words block = philox4x32({2, 0, 0x76543210, 0xfedcba98}, {0x89abcdef, 0x01234567});
  for (uint64_t element = 0; element < 4; ++element) EXPECT_EQ(random.bits(8 + element), block[element]);
}

TEST(Random, PurposesStreamsAndSeedsDiffer) {
  const uint32_t value = Random(17, "split", 3).bits(5);
  EXPECT_EQ(Random(17, "split", 3).bits(5), value);
  EXPECT_NE(Random(18, "split", 3).bits(5), value);
  EXPECT_NE(Random(17, "dropout", 3).bits(5), value);
  EXPECT_NE(Random(17, "split", 4).bits(5), value);
  EXPECT_NE(Random(17, "split", 3).bits(6), value);
}

TEST(Random, UniformAndNormalHaveTheirMoments) {
  const Random random(7, "test");
  const int64_t count = 100000;
  double uniform = 0, normal = 0, squared = 0;
  for (uint64_t index = 0; index < static_cast<uint64_t>(count); ++index) {
    const double u = random.uniform(index);
    ASSERT_TRUE(u >= 0 && u < 1);
    uniform += u;
    const double z = random.normal(index);
    ASSERT_TRUE(std::isfinite(z));
    normal += z;
    squared += z * z;
  }
  EXPECT_NEAR(uniform / count, 0.5, 0.005);
  EXPECT_NEAR(normal / count, 0.0, 0.015);
  EXPECT_NEAR(squared / count, 1.0, 0.02);
}

TEST(Random, BelowCoversItsRangeEvenly) {
  const Random random(7, "below");
  std::array<int, 7> counts{};
  for (uint64_t index = 0; index < 70000; ++index) ++counts.at(random.below(index, 7));
  for (const int count : counts) EXPECT_NEAR(count, 10000, 500);
  EXPECT_EQ(random.below(3, 1), 0u);
}

TEST(Random, PermutationIsOne) {
  for (const int64_t count : {0, 1, 2, 1009}) {
    std::vector<int64_t> order = permutation(count, Random(1, "order"));
    EXPECT_EQ(order, permutation(count, Random(1, "order")));
    if (count > 100) {
      EXPECT_FALSE(std::is_sorted(order.begin(), order.end()));
      EXPECT_NE(order, permutation(count, Random(2, "order")));
    }
    std::sort(order.begin(), order.end());
    std::vector<int64_t> identity(static_cast<size_t>(count));
    std::iota(identity.begin(), identity.end(), int64_t{0});
    EXPECT_EQ(order, identity);
  }
}

}  // namespace
}  // namespace limner
