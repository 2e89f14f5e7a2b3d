// Counter-based random numbers: a value is a function of (seed, purpose, stream, index), so it is the same on
// every device, for every rank count and in any order of evaluation. Philox4x32-10: Salmon et al., "Parallel
// random numbers: as easy as 1, 2, 3", SC 2011.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace limner {

std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

// 64-bit mix of a text, stable for ever: names purposes ("weights", "dropout", "split") and hashes ids.
uint64_t stable_hash(std::string_view text, uint64_t seed = 0);

class Random {
 public:
  // stream: step, layer or row id; what makes two draws of the same purpose differ.
  Random(uint64_t seed, std::string_view purpose, uint64_t stream = 0);
  Random(uint64_t key, uint64_t stream) : key_(key), stream_(stream) {}
  uint64_t key() const { return key_; }
  uint64_t stream() const { return stream_; }

  uint32_t bits(uint64_t index) const;   // 32 random bits: element index % 4 of Philox block index / 4
  double uniform(uint64_t index) const;  // [0, 1), 32 bits of resolution
  double normal(uint64_t index) const;   // mean 0, variance 1 (Box-Muller on elements 2*index, 2*index+1)
  uint64_t below(uint64_t index, uint64_t limit) const;  // [0, limit); elements like normal's

 private:
  uint64_t key_;
  uint64_t stream_;
};

// A permutation of 0..count-1, Fisher-Yates with draws from `random`.
std::vector<int64_t> permutation(int64_t count, const Random& random);

}  // namespace limner
