// Runs a grid: blocks one after another, the threads of a block as fibers in the order that was asked for.
// Never compiled with ThreadSanitizer: its accesses are not the kernel's.
#include <algorithm>
#include <bit>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <numeric>

#include "tests/emulation/block.h"
#include "tests/emulation/sanitizers.h"

namespace emulation {

Block block;

Draws& draws() {
  static Draws drawn(options().seed);
  return drawn;
}

namespace {

bool in_kernel() { return block.current != nullptr && block.current != &block.host; }

void print_place() {
  if (!in_kernel()) return;
  const uint3 thread = block.current->thread_index;
  std::fprintf(stderr, "  in block (%u, %u, %u), thread (%u, %u, %u)\n", blockIdx.x, blockIdx.y, blockIdx.z,
               thread.x, thread.y, thread.z);
}

[[noreturn]] void report_deadlock() {
  std::fprintf(stderr, "emulation: deadlock, %u threads live\n", block.live);
  int shown = 0;
  for (unsigned i = 0; i < block.size && shown < 12; ++i) {
    const Fiber& fiber = *block.threads[i];
    if (fiber.wait != Wait::barrier && fiber.wait != Wait::warp) continue;
    std::fprintf(stderr, "  thread %u waits in %s at %s:%d\n", i,
                 fiber.wait == Wait::barrier ? "a barrier" : collective_name(fiber.collective),
                 fiber.site.file, fiber.site.line);
    ++shown;
  }
  fail("no thread can run");
}

Fiber* first_ready_from(unsigned place) {
  for (unsigned word = place / 64; word < (block.size + 63) / 64; ++word) {
    const uint64_t bits =
        block.ready[word] & (word == place / 64 ? ~uint64_t{0} << (place % 64) : ~uint64_t{0});
    if (bits != 0) return block.by_place[word * 64 + static_cast<unsigned>(std::countr_zero(bits))];
  }
  return nullptr;
}

Fiber* next_fiber() {
  if (options().order == Order::uniform) {
    Fiber* found = first_ready_from(static_cast<unsigned>(draws().below(block.size)));
    if (found != nullptr) return found;
  }
  return first_ready_from(0);
}

void draw_places() {
  std::vector<unsigned> order(block.size);
  std::iota(order.begin(), order.end(), 0u);
  const auto shuffle_pieces = [&](unsigned piece) {  // of `piece` threads, whole but for the last
    const unsigned pieces = (block.size + piece - 1) / piece;
    std::vector<unsigned> drawn(pieces);
    std::iota(drawn.begin(), drawn.end(), 0u);
    for (unsigned i = pieces; i > 1; --i) std::swap(drawn[i - 1], drawn[draws().below(i)]);
    order.clear();
    for (const unsigned number : drawn) {
      for (unsigned i = number * piece; i < std::min(block.size, (number + 1) * piece); ++i)
        order.push_back(i);
    }
  };
  if (options().order == Order::descending) std::reverse(order.begin(), order.end());
  if (options().order == Order::priority) shuffle_pieces(draws().below(2) == 0 ? 1 : kLanes);
  for (unsigned place = 0; place < block.size; ++place) {
    block.by_place[place] = block.threads[order[place]];
    block.by_place[place]->place = place;
  }
}

void run_thread() {
  arrived_on_fiber(nullptr);
  for (;;) {  // a fiber serves one thread of a block after another
    Fiber* mine = block.current;
    acquire(&block.started);
    block.body(block.arguments);
    mine->copies.clear();  // never waited for: they never arrive
    mine->copy_groups.clear();
    mine->open_copies = 0;
    release(&block.ended);
    set_waiting(mine, Wait::exited);
    --block.live;
    const unsigned warp = mine->linear / kLanes;
    block.warps[warp].alive &= ~(1u << mine->linear % kLanes);
    finish_collectives(warp);
    finish_barrier();
    run_another();
  }
}

void free_garbage() {
  for (void* memory : block.garbage) std::free(memory);
  block.garbage.clear();
}

// Of the exact size asked for, plus the gaps between its pieces.
void make_dynamic_memory() {
  if (block.dynamic_bytes == 0) return;
  constexpr size_t kAlignment = 1024;
  const size_t bytes = block.dynamic_bytes + (kArenaPieces + 1) * (kArenaGapBytes + kAlignment);
  block.placed_bytes = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  block.dynamic = static_cast<char*>(std::aligned_alloc(kAlignment, block.placed_bytes));
  if (block.dynamic == nullptr) fail("no memory for %zu bytes of shared memory", block.dynamic_bytes);
  std::memset(block.dynamic, 0xff, block.placed_bytes);
  poison(block.dynamic, block.placed_bytes);
}

void drop_shared_memory() {
  if (block.dynamic != nullptr) {
    unpoison(block.dynamic, block.placed_bytes);
    block.garbage.push_back(block.dynamic);
    block.dynamic = nullptr;
  }
  for (const SharedPiece& piece : block.pieces) block.garbage.push_back(piece.memory);
  block.pieces.clear();
  if (!race_detector()) free_garbage();
}

void run_block(std::vector<std::unique_ptr<Fiber>>& pool) {
  while (pool.size() < block.size) {
    pool.push_back(make_fiber(static_cast<unsigned>(pool.size()), run_thread));
  }
  std::ranges::fill(block.ready, uint64_t{0});
  block.barrier.arrived = 0;
  for (unsigned i = 0; i < block.size; ++i) {
    Fiber* fiber = block.threads[i] = pool[i].get();
    fiber->linear = i;
    fiber->thread_index = {i % blockDim.x, i / blockDim.x % blockDim.y, i / (blockDim.x * blockDim.y)};
  }
  for (unsigned first = 0; first < block.size; first += kLanes) {
    Warp& warp = block.warps[first / kLanes];
    const unsigned lanes = std::min(block.size - first, kLanes);
    warp.alive = lanes == kLanes ? ~0u : (1u << lanes) - 1;
    warp.arrived = 0;
  }
  draw_places();
  for (unsigned i = 0; i < block.size; ++i) set_ready(block.threads[i]);
  block.live = block.size;
  make_dynamic_memory();
  release(&block.started);
  run_another();
  drop_shared_memory();
}

}  // namespace

void fail(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  std::fprintf(stderr, "emulation: ");
  std::vfprintf(stderr, format, arguments);
  std::fprintf(stderr, "\n");
  va_end(arguments);
  print_place();
  std::abort();
}

int lane_id() { return static_cast<int>(block.current->linear % kLanes); }
bool draw(unsigned one_in) {
  const bool drawn = options().order == Order::uniform || options().order == Order::priority;
  return drawn && draws().below(one_in) == 0;
}
void let_others_run() { run_another(); }

void run_another() {
  Fiber* next = next_fiber();
  if (next == nullptr && block.live > 0) report_deadlock();
  switch_to(next == nullptr ? &block.host : next);
}

void run_grid(const Grid& grid, void (*body)(void*), void* arguments) {
  static std::mutex one_at_a_time;
  if (in_kernel()) fail("a kernel was launched from inside a kernel");
  const std::lock_guard lock(one_at_a_time);
  block.current = &block.host;
  if (__tsan_get_current_fiber != nullptr) block.host.race_fiber = __tsan_get_current_fiber();
  block.pieces.reserve(64);
  block.body = body;
  block.arguments = arguments;
  blockDim = grid.threads;
  gridDim = grid.blocks;
  block.size = grid.threads.x * grid.threads.y * grid.threads.z;
  block.dynamic_bytes = grid.dynamic_bytes;
  std::vector<uint64_t> order(uint64_t{grid.blocks.x} * grid.blocks.y * grid.blocks.z);
  std::iota(order.begin(), order.end(), uint64_t{0});
  if (options().order == Order::descending) std::reverse(order.begin(), order.end());
  if (options().order == Order::uniform || options().order == Order::priority) {
    for (uint64_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[draws().below(i)]);
  }
  unsigned done = 0;
  for (const uint64_t number : order) {
    blockIdx = {static_cast<unsigned>(number % grid.blocks.x),
                static_cast<unsigned>(number / grid.blocks.x % grid.blocks.y),
                static_cast<unsigned>(number / grid.blocks.x / grid.blocks.y)};
    // Neighbouring blocks on different fibers: else the race detector would see them as one thread's work.
    run_block(block.pools[race_detector() ? done++ % 2 : 0]);
  }
  acquire(&block.ended);
  free_garbage();
  block.current = nullptr;
}

}  // namespace emulation

extern "C" void __asan_on_error() { emulation::print_place(); }
