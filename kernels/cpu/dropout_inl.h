// The vector form of kernels/dropout.h: sixteen random bits an element, for a run of elements of one token.
#if defined(LIMNER_KERNELS_CPU_DROPOUT_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LIMNER_KERNELS_CPU_DROPOUT_INL_H
#undef LIMNER_KERNELS_CPU_DROPOUT_INL_H
#else
#define LIMNER_KERNELS_CPU_DROPOUT_INL_H
#endif

#include "kernels/backend.h"
#include "kernels/cpu/vector_inl.h"
#include "kernels/dropout.h"

HWY_BEFORE_NAMESPACE();
namespace limner::HWY_NAMESPACE {

// Philox blocks that one call of the round function makes: one in each 64-bit lane.
inline constexpr int64_t kBlocksAtOnce = kLanes / 2;

// The random bits of one Dropout::key.
class RandomBits {
 public:
  explicit RandomBits(uint64_t key) {
    uint32_t key0 = static_cast<uint32_t>(key), key1 = static_cast<uint32_t>(key >> 32);
    for (int round = 0; round < kPhiloxRounds; ++round) {
      keys0_[round] = key0;
      keys1_[round] = key1;
      key0 += kPhiloxWeyl0;
      key1 += kPhiloxWeyl1;
    }
  }

  // bits[i] belongs to element first + i; first is a multiple of 8. Writes whole vectors of blocks
  // (drawn_bytes).
  HWY_INLINE void draw(uint16_t* bits, int64_t row_key, int64_t position, int64_t first,
                       int64_t count) const {
    const hn::Repartition<uint64_t, Floats> wide;
    const Words words;
    const auto multiplier0 = hn::Set(words, kPhiloxMultiplier0);
    const auto multiplier1 = hn::Set(words, kPhiloxMultiplier1);
    const auto low_half = hn::Set(wide, 0xFFFFFFFFu);
    const uint64_t row = static_cast<uint64_t>(row_key);
    const int64_t blocks = (count + kDropoutElementsPerBlock - 1) / kDropoutElementsPerBlock;
    for (int64_t block = 0; block < blocks; block += kBlocksAtOnce) {
      // Only the low half of each 64-bit lane counts; the upper half may hold anything between rounds.
      auto c0 = hn::Add(hn::Iota(wide, 0),
                        hn::Set(wide, static_cast<uint64_t>(first / kDropoutElementsPerBlock + block)));
      auto c1 = hn::Set(wide, static_cast<uint64_t>(position));
      auto c2 = hn::Set(wide, row);
      auto c3 = hn::Set(wide, row >> 32);
      for (int round = 0; round < kPhiloxRounds; ++round) {
        const auto product0 = hn::MulEven(hn::BitCast(words, c0), multiplier0);
        const auto product1 = hn::MulEven(hn::BitCast(words, c2), multiplier1);
        c0 = hn::Xor(hn::Xor(hn::ShiftRight<32>(product1), c1), hn::Set(wide, keys0_[round]));
        c2 = hn::Xor(hn::Xor(hn::ShiftRight<32>(product0), c3), hn::Set(wide, keys1_[round]));
        c1 = product1;
        c3 = product0;
      }
      const auto first_half = hn::Or(hn::And(c0, low_half), hn::ShiftLeft<32>(c1));
      const auto second_half = hn::Or(hn::And(c2, low_half), hn::ShiftLeft<32>(c3));
      hn::StoreInterleaved2(first_half, second_half, wide,
                            reinterpret_cast<uint64_t*>(bits + block * kDropoutElementsPerBlock));
    }
  }

 private:
  uint64_t keys0_[kPhiloxRounds], keys1_[kPhiloxRounds];
};

// What dropout does to a vector of values, given its elements' random bits.
struct Keep {
  hn::Vec<Integers> below;  // the largest bits that are dropped
  FloatVector scale;
  explicit Keep(const Dropout& dropout)
      : below(hn::Set(Integers(), static_cast<int32_t>(dropout_threshold(dropout.probability)) - 1)),
        scale(constant(dropout_scale(dropout.probability))) {}
  HWY_INLINE FloatVector operator()(FloatVector value, const uint16_t* bits) const {
    const auto drawn = hn::PromoteTo(Integers(), hn::LoadU(Halves(), bits));
    const auto keep = hn::RebindMask(Floats(), hn::Gt(drawn, below));
    return hn::IfThenElseZero(keep, hn::Mul(value, scale));
  }
};

}  // namespace limner::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
