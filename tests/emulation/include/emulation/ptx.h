// The emulated twins of kernels/cuda/ptx.h. Memory is touched here, in code compiled with the test's
// sanitizers, by the lane that does it on a device.
#pragma once

#include "emulation/shared_memory.h"

namespace emulation {

struct AsyncCopy {
  void* destination;   // shared; null when the copy was made at once
  const void* source;  // global
  bool valid;          // otherwise zeros are written
};
// Whether a copy happens when it is issued or when it is waited for: both are legal, so it is drawn.
bool async_copy_at_once();
void async_copy_issued(const AsyncCopy& copy);
void async_copies_committed();
// The oldest copy that is not among the last `keep` groups; false when there is none left.
bool next_async_copy(int keep, AsyncCopy* copy);

// Every lane gets every lane's pointer; all 32 lanes take part.
void warp_exchange_pointers(const void* mine, const void* (&all)[32], Site site);
// D = A B + C of one m16n8k16 product in bf16, in the fragments that the PTX manual defines.
void warp_multiply(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2], const float (&c)[4],
                   Site site);

inline void perform(const AsyncCopy& copy) {
  uint4 value{};
  if (copy.valid) value = *static_cast<const uint4*>(copy.source);
  *static_cast<uint4*>(copy.destination) = value;
}

template <bool transposed, int matrices>
void load_matrices(unsigned (&fragment)[matrices], const void* row, Site site) {
  const int lane = lane_id();
  if (lane < 8 * matrices) {
    if (reinterpret_cast<uintptr_t>(row) % 16 != 0) {
      fail("ldmatrix at %s:%d: the row address %p is not a multiple of 16", site.file, site.line, row);
    }
    check_shared(row, 16, "ldmatrix");
  }
  const void* rows[32];
  warp_exchange_pointers(row, rows, site);
  for (int matrix = 0; matrix < matrices; ++matrix) {
    uint16_t half[2];
    for (int i = 0; i < 2; ++i) {
      const int from_row = transposed ? 2 * (lane % 4) + i : lane / 4;
      const int from_column = transposed ? lane / 4 : 2 * (lane % 4) + i;
      half[i] = static_cast<const uint16_t*>(rows[8 * matrix + from_row])[from_column];
    }
    fragment[matrix] = half[0] | static_cast<unsigned>(half[1]) << 16;
  }
}

}  // namespace emulation

namespace limner {

inline void ldmatrix_x4(unsigned (&fragment)[4], const void* row, EMULATION_SITE) {
  emulation::load_matrices<false>(fragment, row, EMULATION_HERE);
}
inline void ldmatrix_x4_trans(unsigned (&fragment)[4], const void* row, EMULATION_SITE) {
  emulation::load_matrices<true>(fragment, row, EMULATION_HERE);
}
inline void ldmatrix_x2(unsigned (&fragment)[2], const void* row, EMULATION_SITE) {
  emulation::load_matrices<false>(fragment, row, EMULATION_HERE);
}
inline void ldmatrix_x2_trans(unsigned (&fragment)[2], const void* row, EMULATION_SITE) {
  emulation::load_matrices<true>(fragment, row, EMULATION_HERE);
}
inline void mma_bf16(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2], const float (&c)[4],
                     EMULATION_SITE) {
  emulation::warp_multiply(d, a, b, c, EMULATION_HERE);
}
inline void cp_async16(void* shared, const void* global, bool valid, EMULATION_SITE) {
  if (reinterpret_cast<uintptr_t>(shared) % 16 != 0 || reinterpret_cast<uintptr_t>(global) % 16 != 0) {
    emulation::fail("cp.async at %s:%d: misaligned, %p <- %p", site_file, site_line, shared, global);
  }
  emulation::check_shared(shared, 16, "cp.async");
  emulation::AsyncCopy copy{shared, global, valid};
  if (emulation::async_copy_at_once()) {
    emulation::perform(copy);
    copy.destination = nullptr;
  }
  emulation::async_copy_issued(copy);
}
inline void cp_async_commit() { emulation::async_copies_committed(); }
template <int groups>
void cp_async_wait() {
  for (emulation::AsyncCopy copy; emulation::next_async_copy(groups, &copy);) {
    if (copy.destination != nullptr) emulation::perform(copy);
  }
}
inline float fast_exp2(float x) { return exp2f(x); }

}  // namespace limner
