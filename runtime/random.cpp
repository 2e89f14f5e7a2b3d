#include "runtime/random.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cmath>
#include <numbers>
#include <numeric>
#include <utility>

#include "runtime/error.h"

namespace limner {

std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) {
  constexpr int rounds = 10;
  for (int round = 0; round < rounds; ++round) {
    const uint64_t first = uint64_t{0xD2511F53u} * counter[0];
    const uint64_t second = uint64_t{0xCD9E8D57u} * counter[2];
    counter = {static_cast<uint32_t>(second >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(second),
               static_cast<uint32_t>(first >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(first)};
    key[0] += 0x9E3779B9u;
    key[1] += 0xBB67AE85u;
  }
  return counter;
}

// XXH64 is fixed by its specification.
uint64_t stable_hash(std::string_view text, uint64_t seed) { return XXH64(text.data(), text.size(), seed); }

Random::Random(uint64_t seed, std::string_view purpose, uint64_t stream)
    : key_(stable_hash(purpose, seed)), stream_(stream) {}

uint32_t Random::bits(uint64_t index) const {
  const uint64_t block = index / 4;
  const auto words = philox4x32({static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32),
                                 static_cast<uint32_t>(stream_), static_cast<uint32_t>(stream_ >> 32)},
                                {static_cast<uint32_t>(key_), static_cast<uint32_t>(key_ >> 32)});
  return words[index % 4];
}

double Random::uniform(uint64_t index) const { return bits(index) * 0x1p-32; }

double Random::normal(uint64_t index) const {
  const double radius = (bits(2 * index) + 1.0) * 0x1p-32;  // (0, 1]: its logarithm is finite
  const double angle = bits(2 * index + 1) * 0x1p-32;
  return std::sqrt(-2.0 * std::log(radius)) * std::cos(2.0 * std::numbers::pi * angle);
}

uint64_t Random::below(uint64_t index, uint64_t limit) const {
  require(limit > 0, "a random number below zero was asked for");
  __extension__ using Wide = unsigned __int128;
  const uint64_t word = (uint64_t{bits(2 * index + 1)} << 32) | bits(2 * index);
  return static_cast<uint64_t>((static_cast<Wide>(word) * limit) >> 64);
}

std::vector<int64_t> permutation(int64_t count, const Random& random) {
  std::vector<int64_t> order(static_cast<size_t>(count));
  std::iota(order.begin(), order.end(), int64_t{0});
  for (size_t last = order.size(); last > 1; --last) {
    std::swap(order[last - 1], order[static_cast<size_t>(random.below(last - 1, last))]);
  }
  return order;
}

}  // namespace limner
