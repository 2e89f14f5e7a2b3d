// The running block: its threads as fibers, its warps and its barrier. One at a time in the whole process.
#pragma once

#include <cuda_runtime.h>

#include <memory>
#include <vector>

#include "emulation/ptx.h"
#include "tests/emulation/options.h"

namespace emulation {

inline constexpr unsigned kMostThreads = 1024;
inline constexpr unsigned kLanes = 32;

enum class Wait : uint8_t { ready, barrier, warp, exited };
enum class Collective : uint8_t { syncwarp, shuffle, vote, match, ldmatrix, mma };
const char* collective_name(Collective collective);

struct Fiber {
  void* stack_pointer = nullptr;
  char* stack = nullptr;
  size_t stack_bytes = 0;
  // What the sanitizers know of it.
  const void* stack_bottom = nullptr;
  size_t shown_stack_bytes = 0;
  void* fake_stack = nullptr;
  void* race_fiber = nullptr;

  uint3 thread_index{};
  unsigned linear = 0;  // thread number in the block
  unsigned place = 0;   // in the order of this block
  Wait wait = Wait::exited;
  Site site{};

  // Arguments of the warp collective it waits in; the last lane to arrive computes for all.
  Collective collective{};
  unsigned mask = 0;
  uint64_t value = 0, result = 0;
  int source_lane = 0;
  const void* input = nullptr;
  void* output = nullptr;
  unsigned released = 0, to_acquire = 0;  // which of the warp's two markers

  std::vector<AsyncCopy> copies;    // oldest first
  std::vector<size_t> copy_groups;  // sizes of the committed groups, oldest first
  size_t open_copies = 0;           // issued since the last commit
};

struct Warp {
  unsigned alive = 0, arrived = 0, generation = 0;
  // For the race detector. Two take turns: a late waker must not also acquire what early ones released since.
  char marker[2];
};

struct Barrier {
  unsigned arrived = 0, generation = 0;
  Site site{};
  int votes[3]{}, result[3]{};  // by BlockVote
  char marker[2];
};

struct SharedPiece {
  const void* key;
  char* memory;
  size_t bytes;
};

struct Block {
  std::vector<std::unique_ptr<Fiber>> pools[2];
  Fiber host;
  Fiber* current = nullptr;
  Fiber* threads[kMostThreads];
  Fiber* by_place[kMostThreads];
  uint64_t ready[kMostThreads / 64];  // bit = place
  unsigned size = 0, live = 0;
  Warp warps[kMostThreads / kLanes];
  Barrier barrier;
  void (*body)(void*) = nullptr;
  void* arguments = nullptr;

  char* dynamic = nullptr;
  size_t dynamic_bytes = 0, placed_bytes = 0;  // as asked for; with the gaps between pieces
  std::vector<SharedPiece> pieces;
  std::vector<void*> garbage;  // freed once the host has synchronised with the grid: not a thread's access
  char started, ended;         // markers of the race detector
  bool left_host = false;
};
extern Block block;
Draws& draws();

inline void set_ready(Fiber* fiber) {
  fiber->wait = Wait::ready;
  block.ready[fiber->place / 64] |= uint64_t{1} << (fiber->place % 64);
}
inline void set_waiting(Fiber* fiber, Wait wait) {
  fiber->wait = wait;
  block.ready[fiber->place / 64] &= ~(uint64_t{1} << (fiber->place % 64));
}
void run_another();                      // the current fiber waits, has exited or gives way
void finish_collectives(unsigned warp);  // those whose lanes have all arrived
void finish_barrier();

// fiber.cpp
std::unique_ptr<Fiber> make_fiber(unsigned number, void (*entry)());
void switch_to(Fiber* fiber);
void arrived_on_fiber(void* fake_stack);

// scheduler.cpp
struct Grid {
  dim3 blocks, threads;
  size_t dynamic_bytes;
};
void run_grid(const Grid& grid, void (*body)(void*), void* arguments);

}  // namespace emulation
