// Shared memory of the running block, and the copies on their way into it.
#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "tests/emulation/block.h"
#include "tests/emulation/sanitizers.h"

namespace emulation {

void unpoison(const void* memory, size_t bytes) {
  if (__asan_unpoison_memory_region != nullptr) __asan_unpoison_memory_region(memory, bytes);
}

void* dynamic_shared_memory(size_t* bytes) {
  *bytes = block.dynamic_bytes;
  return block.dynamic;
}

void* named_shared_array(const void* key, size_t bytes, size_t alignment) {
  for (const SharedPiece& piece : block.pieces) {
    if (piece.key == key) {
      acquire(&block.started);
      return piece.memory;
    }
  }
  // To the race detector, the launch allocates, not the thread that comes first.
  show_fiber_switch(block.host.race_fiber);
  void* memory = nullptr;
  if (posix_memalign(&memory, std::max<size_t>(alignment, 16), bytes) != 0) {
    fail("no memory for %zu bytes of shared memory", bytes);
  }
  std::memset(memory, 0xff, bytes);
  block.pieces.push_back({key, static_cast<char*>(memory), bytes});
  release(&block.started);
  show_fiber_switch(block.current->race_fiber);
  acquire(&block.started);
  return memory;
}

void check_shared(const void* memory, size_t bytes, const char* what) {
  const auto* first = static_cast<const char*>(memory);
  const auto lies_in = [&](const char* from, size_t size) {
    return first >= from && first + bytes <= from + size;
  };
  if (block.dynamic != nullptr && lies_in(block.dynamic, block.placed_bytes)) return;
  for (const SharedPiece& piece : block.pieces) {
    if (lies_in(piece.memory, piece.bytes)) return;
  }
  fail("%s: %p is not in this block's shared memory", what, memory);
}

bool async_copy_at_once() { return draws().below(2) == 0; }

void async_copy_issued(const AsyncCopy& copy) {
  block.current->copies.push_back(copy);
  ++block.current->open_copies;
}

void async_copies_committed() {
  block.current->copy_groups.push_back(block.current->open_copies);
  block.current->open_copies = 0;
}

bool next_async_copy(int keep, AsyncCopy* copy) {
  Fiber& mine = *block.current;
  while (static_cast<int>(mine.copy_groups.size()) > keep) {
    if (mine.copy_groups.front() > 0) {
      --mine.copy_groups.front();
      *copy = mine.copies.front();
      mine.copies.erase(mine.copies.begin());
      return true;
    }
    mine.copy_groups.erase(mine.copy_groups.begin());
  }
  return false;
}

}  // namespace emulation
