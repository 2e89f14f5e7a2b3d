// Vectors of f32 over f32 and bf16 memory, and the functions of one variable, through Highway. A file that
// includes this is compiled once per instruction set (targets.h):
//
//   #undef HWY_TARGET_INCLUDE
//   #define HWY_TARGET_INCLUDE "kernels/cpu/norm.cpp"
//   #include "hwy/foreach_target.h"
//   #include "kernels/cpu/vector_inl.h"
//   HWY_BEFORE_NAMESPACE();
//   namespace limner::HWY_NAMESPACE { vector code, once per instruction set }
//   HWY_AFTER_NAMESPACE();
//   #if HWY_ONCE
//   namespace limner { HWY_EXPORT(function); the operations, calling HWY_DYNAMIC_DISPATCH(function)(…) }
//   #endif
#if defined(LIMNER_KERNELS_CPU_VECTOR_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LIMNER_KERNELS_CPU_VECTOR_INL_H
#undef LIMNER_KERNELS_CPU_VECTOR_INL_H
#else
#define LIMNER_KERNELS_CPU_VECTOR_INL_H
#endif

#include <cstring>

#include "hwy/highway.h"
#include "runtime/tensor.h"

HWY_BEFORE_NAMESPACE();
namespace limner::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::ScalableTag<float>;
using Words = hn::ScalableTag<uint32_t>;
using Integers = hn::ScalableTag<int32_t>;
using Halves = hn::Rebind<uint16_t, Floats>;
using FloatVector = hn::Vec<Floats>;

inline constexpr int64_t kLanes = HWY_LANES(float);

HWY_INLINE FloatVector constant(float value) { return hn::Set(Floats(), value); }

HWY_INLINE FloatVector load(const float* from) { return hn::LoadU(Floats(), from); }
HWY_INLINE FloatVector load(const bfloat16* from) {
  const auto bits = hn::PromoteTo(Words(), hn::LoadU(Halves(), reinterpret_cast<const uint16_t*>(from)));
  return hn::BitCast(Floats(), hn::ShiftLeft<16>(bits));
}

HWY_INLINE void store(FloatVector value, float* to) { hn::StoreU(value, Floats(), to); }
// Rounds to nearest even; NaN stays NaN: the same bits as bfloat16(float).
HWY_INLINE void store(FloatVector value, bfloat16* to) {
  const Words words;
  const auto bits = hn::BitCast(words, value);
  const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(words, 1));
  const auto rounded = hn::Add(bits, hn::Add(odd, hn::Set(words, 0x7FFF)));
  const auto quiet = hn::Or(bits, hn::Set(words, 0x400000));
  const auto is_nan = hn::RebindMask(words, hn::IsNaN(value));
  const auto upper = hn::ShiftRight<16>(hn::IfThenElse(is_nan, quiet, rounded));
  hn::StoreU(hn::DemoteTo(Halves(), hn::BitCast(Integers(), upper)), Halves(),
             reinterpret_cast<uint16_t*>(to));
}

// The first `count` < kLanes elements; the other lanes are 0.
template <class T>
HWY_INLINE FloatVector load_first(const T* from, int64_t count) {
  T lanes[kLanes] = {};
  std::memcpy(lanes, from, static_cast<size_t>(count) * sizeof(T));
  return load(lanes);
}
template <class T>
HWY_INLINE void store_first(FloatVector value, T* to, int64_t count) {
  T lanes[kLanes];
  store(value, lanes);
  std::memcpy(to, lanes, static_cast<size_t>(count) * sizeof(T));
}

// Loads and stores at a place where `left` elements remain: whole vectors, and the tail.
template <class T>
HWY_INLINE FloatVector load_some(const T* from, int64_t left) {
  return left >= kLanes ? load(from) : load_first(from, left);
}
template <class T>
HWY_INLINE void store_some(FloatVector value, T* to, int64_t left) {
  if (left >= kLanes) {
    store(value, to);
  } else {
    store_first(value, to, left);
  }
}

HWY_INLINE float sum_of_lanes(FloatVector value) { return hn::GetLane(hn::SumOfLanes(Floats(), value)); }
HWY_INLINE float max_of_lanes(FloatVector value) { return hn::GetLane(hn::MaxOfLanes(Floats(), value)); }

// 2^x, relative error below 2e-7 for x in [-126, 127]; below, 2^-126; NaN stays NaN (Max and Min return their
// second argument when one is NaN).
HWY_INLINE FloatVector exp2(FloatVector x) {
  x = hn::Min(constant(127.0f), hn::Max(constant(-126.0f), x));
  // Adding 1.5 * 2^23 rounds to an integer, which then stands in the lowest bits.
  const auto shifted = hn::Add(x, constant(12582912.0f));
  const auto f = hn::Sub(x, hn::Sub(shifted, constant(12582912.0f)));
  // Minimax on [-1/2, 1/2], in pairs: a shorter chain of operations is a quarter faster than Horner's.
  const auto f2 = hn::Mul(f, f);
  const auto p01 = hn::MulAdd(f, constant(6.9314697759e-1f), constant(1.0f));
  const auto p23 = hn::MulAdd(f, constant(5.5507337543e-2f), constant(2.4022242080e-1f));
  const auto p45 = hn::MulAdd(f, constant(1.3264723891e-3f), constant(9.6715128699e-3f));
  const auto p = hn::MulAdd(hn::MulAdd(p45, f2, p23), f2, p01);
  const auto exponent = hn::ShiftLeft<23>(hn::BitCast(Integers(), shifted));
  return hn::BitCast(Floats(), hn::Add(hn::BitCast(Integers(), p), exponent));
}

inline constexpr float kLog2E = 1.4426950408889634f;

HWY_INLINE FloatVector exp(FloatVector x) { return exp2(hn::Mul(x, constant(kLog2E))); }

// tanh(x), absolute error below 2e-7.
HWY_INLINE FloatVector tanh(FloatVector x) {
  const auto e = exp2(hn::Mul(x, constant(2.0f * kLog2E)));
  return hn::Sub(constant(1.0f), hn::Div(constant(2.0f), hn::Add(e, constant(1.0f))));
}

// The normal distribution function Phi(x) = (1 + erf(x / sqrt 2)) / 2, absolute error below 1e-7, without
// cancellation for negative x: Phi(-a) = 2^(-1 - a q(a)), q a polynomial fitted on [0, 6]; 0 beyond.
HWY_INLINE FloatVector normal_cdf(FloatVector x) {
  const auto a = hn::Abs(x);
  const auto a2 = hn::Mul(a, a), a4 = hn::Mul(a2, a2);
  const auto q01 = hn::MulAdd(a, constant(4.592054074243480e-1f), constant(1.1511054935751843f));
  const auto q23 = hn::MulAdd(a, constant(-7.065727797258526e-3f), constant(5.250316620722084e-2f));
  const auto q45 = hn::MulAdd(a, constant(2.0300330920681488e-4f), constant(1.2509701682907886e-4f));
  const auto q67 = hn::MulAdd(a, constant(5.169415343299792e-6f), constant(-4.869068520303408e-5f));
  const auto q03 = hn::MulAdd(q23, a2, q01);
  const auto q47 = hn::MulAdd(q67, a2, q45);
  const auto q48 = hn::MulAdd(a4, constant(-2.184312105737946e-7f), q47);
  const auto q = hn::MulAdd(q48, a4, q03);
  const auto below = exp2(hn::NegMulAdd(a, q, constant(-1.0f)));
  const auto tail = hn::IfThenElseZero(hn::Lt(a, constant(6.0f)), below);
  return hn::IfThenElse(hn::Lt(x, hn::Zero(Floats())), tail, hn::Sub(constant(1.0f), tail));
}

}  // namespace limner::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
