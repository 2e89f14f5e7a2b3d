// float32 <-> float16. Vectorised with F16C where the processor has it; the portable code gives the same
// bits.
#include <bit>

#include "runtime/hdf5.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace limner::hdf5 {
namespace {

// Round to nearest, ties to even; too large becomes infinity; NaN stays NaN, quiet, with its upper bits.
uint16_t half_bits(float value) {
  const uint32_t word = std::bit_cast<uint32_t>(value);
  const uint32_t sign = (word >> 16) & 0x8000u;
  const uint32_t magnitude = word & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return static_cast<uint16_t>(sign | 0x7e00u | ((magnitude >> 13) & 0x3ffu));
  if (magnitude >= 0x47800000u) return static_cast<uint16_t>(sign | 0x7c00u);  // 2^16 and above
  if (magnitude < 0x38800000u) {
    // Below 2^-14: adding 0.5 lets the processor round at the last place of a subnormal, 2^-24.
    const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
    return static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(shifted) - std::bit_cast<uint32_t>(0.5f)));
  }
  const uint32_t rebased = magnitude - (uint32_t{127 - 15} << 23);
  return static_cast<uint16_t>(sign | ((rebased + 0xfffu + ((rebased >> 13) & 1u)) >> 13));
}

float half_value(uint16_t bits) {
  const uint32_t sign = (uint32_t{bits} & 0x8000u) << 16;
  const uint32_t exponent = (bits >> 10) & 0x1fu;
  const uint32_t fraction = bits & 0x3ffu;
  if (exponent == 0) {  // zero and subnormal: fraction * 2^-24, exact
    const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
    return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(magnitude));
  }
  if (exponent == 31) {
    const uint32_t quiet = fraction == 0 ? 0 : 0x400000u;
    return std::bit_cast<float>(sign | 0x7f800000u | quiet | (fraction << 13));
  }
  return std::bit_cast<float>(sign | ((exponent + 127 - 15) << 23) | (fraction << 13));
}

#if defined(__x86_64__)
// Both return how many elements they converted: whole vectors of eight.
__attribute__((target("avx,f16c"))) int64_t to_float16_f16c(uint16_t* out, const float* in, int64_t count) {
  int64_t index = 0;
  for (; index + 8 <= count; index += 8) {
    const __m128i halves = _mm256_cvtps_ph(_mm256_loadu_ps(in + index), _MM_FROUND_TO_NEAREST_INT);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + index), halves);
  }
  return index;
}

__attribute__((target("avx,f16c"))) int64_t from_float16_f16c(float* out, const uint16_t* in, int64_t count) {
  int64_t index = 0;
  for (; index + 8 <= count; index += 8) {
    const __m128i halves = _mm_loadu_si128(reinterpret_cast<const __m128i*>(in + index));
    _mm256_storeu_ps(out + index, _mm256_cvtph_ps(halves));
  }
  return index;
}

// Every processor with AVX2 has F16C, which clang 14 cannot ask for.
bool has_f16c() { return __builtin_cpu_supports("avx2") != 0; }
#endif

}  // namespace

void to_float16(uint16_t* out, const float* in, int64_t count) {
  int64_t index = 0;
#if defined(__x86_64__)
  if (has_f16c()) index = to_float16_f16c(out, in, count);
#endif
  for (; index < count; ++index) out[index] = half_bits(in[index]);
}

void from_float16(float* out, const uint16_t* in, int64_t count) {
  int64_t index = 0;
#if defined(__x86_64__)
  if (has_f16c()) index = from_float16_f16c(out, in, count);
#endif
  for (; index < count; ++index) out[index] = half_value(in[index]);
}

}  // namespace limner::hdf5
