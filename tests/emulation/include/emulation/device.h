// What a CUDA thread may call, for a host compiler. One block runs at a time, every thread of it as a fiber;
// calls that meet other threads (barriers, shuffles, votes) go to the scheduler with the line they stand on.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

// Variables, not macros: the toolkit's cudaLaunchConfig_t has members blockDim and gridDim.
inline uint3 threadIdx{}, blockIdx{};
inline dim3 blockDim{1, 1, 1}, gridDim{1, 1, 1};
inline constexpr int warpSize = 32;

namespace emulation {

struct Site {
  const char* file;
  int line;
};
// The caller's line, as default arguments.
#define EMULATION_SITE const char *site_file = __builtin_FILE(), int site_line = __builtin_LINE()
#define EMULATION_HERE \
  ::emulation::Site { site_file, site_line }

// Prints the message with kernel, block and thread, and aborts.
[[noreturn]] void fail(const char* format, ...) __attribute__((format(printf, 1, 2)));

enum class BlockVote : int { count, all, any };

void barrier(Site site);
int barrier_vote(BlockVote vote, bool predicate, Site site);
void warp_barrier(unsigned mask, Site site);  // the only warp collective that orders memory
uint64_t warp_shuffle(unsigned mask, uint64_t value, int source_lane, Site site);
unsigned warp_ballot(unsigned mask, bool predicate, Site site);
unsigned warp_match(unsigned mask, uint64_t value, Site site);
int lane_id();
void let_others_run();
bool draw(unsigned one_in);  // true once in `one_in`; never in a fixed order

template <class T>
uint64_t to_bits(T value) {
  static_assert(sizeof(T) <= 8);
  uint64_t bits = 0;
  __builtin_memcpy(&bits, &value, sizeof(T));
  return bits;
}
template <class T>
T from_bits(uint64_t bits) {
  T value;
  __builtin_memcpy(static_cast<void*>(&value), &bits, sizeof(T));
  return value;
}
template <class To, class From>
To reinterpret(From from) {
  static_assert(sizeof(To) == sizeof(From));
  return from_bits<To>(to_bits(from));
}

// A lane outside the segment of `width` lanes reads itself, as the programming guide says.
inline int shuffle_up_source(unsigned delta, int width) {
  const int source = lane_id() - static_cast<int>(delta);
  return source < (lane_id() & ~(width - 1)) ? lane_id() : source;
}
inline int shuffle_down_source(unsigned delta, int width) {
  const int source = lane_id() + static_cast<int>(delta);
  return source >= (lane_id() & ~(width - 1)) + width ? lane_id() : source;
}
inline int shuffle_xor_source(int mask, int width) {
  const int source = lane_id() ^ mask;
  return source >= (lane_id() & ~(width - 1)) + width ? lane_id() : source;
}
inline int shuffle_source(int lane, int width) { return (lane_id() & ~(width - 1)) | (lane & (width - 1)); }

// Real atomic instructions, so that ThreadSanitizer takes them for what they are.
template <class T, class Function>
T atomic_update(T* target, Function function) {
  static_assert(sizeof(T) == 4 || sizeof(T) == 8);
  using Word = std::conditional_t<sizeof(T) == 8, uint64_t, uint32_t>;
  if (draw(4)) let_others_run();
  if (reinterpret_cast<uintptr_t>(target) % sizeof(T) != 0) {
    fail("atomic operation on the misaligned address %p", static_cast<const void*>(target));
  }
  Word* word = reinterpret_cast<Word*>(target);
  Word before = __atomic_load_n(word, __ATOMIC_RELAXED), after;
  do {
    after = reinterpret<Word>(T(function(reinterpret<T>(before))));
  } while (!__atomic_compare_exchange_n(word, &before, after, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
  return reinterpret<T>(before);
}

}  // namespace emulation

// --- Barriers, votes, shuffles.
inline void __syncthreads(EMULATION_SITE) { emulation::barrier(EMULATION_HERE); }
inline int __syncthreads_count(int predicate, EMULATION_SITE) {
  return emulation::barrier_vote(emulation::BlockVote::count, predicate != 0, EMULATION_HERE);
}
inline int __syncthreads_and(int predicate, EMULATION_SITE) {
  return emulation::barrier_vote(emulation::BlockVote::all, predicate != 0, EMULATION_HERE);
}
inline int __syncthreads_or(int predicate, EMULATION_SITE) {
  return emulation::barrier_vote(emulation::BlockVote::any, predicate != 0, EMULATION_HERE);
}
inline void __syncwarp(unsigned mask = ~0u, EMULATION_SITE) { emulation::warp_barrier(mask, EMULATION_HERE); }

template <class T>
T __shfl_sync(unsigned mask, T value, int lane, int width = warpSize, EMULATION_SITE) {
  return emulation::from_bits<T>(emulation::warp_shuffle(
      mask, emulation::to_bits(value), emulation::shuffle_source(lane, width), EMULATION_HERE));
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = warpSize, EMULATION_SITE) {
  return emulation::from_bits<T>(emulation::warp_shuffle(
      mask, emulation::to_bits(value), emulation::shuffle_up_source(delta, width), EMULATION_HERE));
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = warpSize, EMULATION_SITE) {
  return emulation::from_bits<T>(emulation::warp_shuffle(
      mask, emulation::to_bits(value), emulation::shuffle_down_source(delta, width), EMULATION_HERE));
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lanes, int width = warpSize, EMULATION_SITE) {
  return emulation::from_bits<T>(emulation::warp_shuffle(
      mask, emulation::to_bits(value), emulation::shuffle_xor_source(lanes, width), EMULATION_HERE));
}
inline unsigned __ballot_sync(unsigned mask, int predicate, EMULATION_SITE) {
  return emulation::warp_ballot(mask, predicate != 0, EMULATION_HERE);
}
inline int __any_sync(unsigned mask, int predicate, EMULATION_SITE) {
  return emulation::warp_ballot(mask, predicate != 0, EMULATION_HERE) != 0;
}
inline int __all_sync(unsigned mask, int predicate, EMULATION_SITE) {
  return emulation::warp_ballot(mask, predicate == 0, EMULATION_HERE) == 0;
}
template <class T>
unsigned __match_any_sync(unsigned mask, T value, EMULATION_SITE) {
  return emulation::warp_match(mask, emulation::to_bits(value), EMULATION_HERE);
}

// --- Fences: one thread of the host runs all fibers, so only the compiler must keep the order.
inline void __threadfence() { __atomic_signal_fence(__ATOMIC_SEQ_CST); }
inline void __threadfence_block() { __threadfence(); }
inline void __nanosleep(unsigned) { emulation::let_others_run(); }
inline void __trap() { emulation::fail("__trap()"); }

// --- Atomic operations.
template <class T>
T atomicAdd(T* target, std::type_identity_t<T> value) {
  return emulation::atomic_update(target, [value](T before) { return before + value; });
}
template <class T>
T atomicMax(T* target, std::type_identity_t<T> value) {
  return emulation::atomic_update(target, [value](T before) { return before < value ? value : before; });
}
template <class T>
T atomicMin(T* target, std::type_identity_t<T> value) {
  return emulation::atomic_update(target, [value](T before) { return value < before ? value : before; });
}
template <class T>
T atomicExch(T* target, std::type_identity_t<T> value) {
  return emulation::atomic_update(target, [value](T) { return value; });
}
template <class T>
T atomicOr(T* target, std::type_identity_t<T> value) {
  return emulation::atomic_update(target, [value](T before) { return before | value; });
}
template <class T>
T atomicCAS(T* target, std::type_identity_t<T> expected, std::type_identity_t<T> value) {
  return emulation::atomic_update(target, [=](T before) { return before == expected ? value : before; });
}

// --- Loads and stores with cache hints, bit casts, fast arithmetic (exact here).
template <class T>
T __ldg(const T* pointer) {
  return *pointer;
}
template <class T>
T __ldcs(const T* pointer) {
  return *pointer;
}
template <class T>
T __ldcg(const T* pointer) {
  return *pointer;
}
template <class T>
void __stcs(T* pointer, std::type_identity_t<T> value) {
  *pointer = value;
}
template <class T>
void __stcg(T* pointer, std::type_identity_t<T> value) {
  *pointer = value;
}
inline unsigned __float_as_uint(float value) { return emulation::reinterpret<unsigned>(value); }
inline int __float_as_int(float value) { return emulation::reinterpret<int>(value); }
inline float __uint_as_float(unsigned bits) { return emulation::reinterpret<float>(bits); }
inline float __int_as_float(int bits) { return emulation::reinterpret<float>(bits); }
inline float __expf(float x) { return expf(x); }
inline float __logf(float x) { return logf(x); }
inline float __log2f(float x) { return log2f(x); }
inline float __fdividef(float a, float b) { return a / b; }
inline float __frcp_rn(float a) { return 1.0f / a; }
inline float __fsqrt_rn(float a) { return sqrtf(a); }
inline float __fmaf_rn(float a, float b, float c) { return fmaf(a, b, c); }
inline float rsqrtf(float a) { return 1.0f / sqrtf(a); }
inline int __popc(unsigned value) { return __builtin_popcount(value); }
inline int __ffs(int value) { return __builtin_ffs(value); }
inline int __clz(int value) { return value == 0 ? 32 : __builtin_clz(static_cast<unsigned>(value)); }
inline unsigned __umulhi(unsigned a, unsigned b) {
  return static_cast<unsigned>((static_cast<uint64_t>(a) * b) >> 32);
}
using std::isfinite;
using std::isinf;
using std::isnan;
template <class A, class B>
std::common_type_t<A, B> min(A a, B b) {
  using Common = std::common_type_t<A, B>;
  return Common(b) < Common(a) ? Common(b) : Common(a);
}
template <class A, class B>
std::common_type_t<A, B> max(A a, B b) {
  using Common = std::common_type_t<A, B>;
  return Common(a) < Common(b) ? Common(b) : Common(a);
}
