// What threads of a block do together: barriers, and the collectives of a warp.
#include <algorithm>
#include <bit>

#include "tests/emulation/block.h"
#include "tests/emulation/sanitizers.h"

namespace emulation {
namespace {

struct Product {
  const unsigned (*a)[4];
  const unsigned (*b)[2];
  const float (*c)[4];
  float (*d)[4];
};

float low_half(unsigned pair) { return std::bit_cast<float>(pair << 16); }
float high_half(unsigned pair) { return std::bit_cast<float>(pair & 0xffff0000u); }

// The fragments of mma.m16n8k16 (PTX ISA, "Matrix Fragments for mma.m16n8k16 with floating point type").
void multiply_fragments(Fiber* const (&lanes)[kLanes]) {
  float a[16][16], b[16][8], d[16][8];
  for (unsigned lane = 0; lane < kLanes; ++lane) {
    const auto& mine = *static_cast<const Product*>(lanes[lane]->input);
    const unsigned group = lane / 4, pair = lane % 4 * 2;
    for (unsigned i = 0; i < 4; ++i) {
      const unsigned row = group + i % 2 * 8, column = pair + i / 2 * 8;
      a[row][column] = low_half((*mine.a)[i]);
      a[row][column + 1] = high_half((*mine.a)[i]);
      d[group + i / 2 * 8][pair + i % 2] = (*mine.c)[i];
    }
    for (unsigned i = 0; i < 2; ++i) {
      b[pair + i * 8][group] = low_half((*mine.b)[i]);
      b[pair + i * 8 + 1][group] = high_half((*mine.b)[i]);
    }
  }
  for (int row = 0; row < 16; ++row) {
    float sums[8] = {};
    for (int k = 0; k < 16; ++k) {
      for (int column = 0; column < 8; ++column) sums[column] += a[row][k] * b[k][column];
    }
    for (int column = 0; column < 8; ++column) d[row][column] += sums[column];
  }
  for (unsigned lane = 0; lane < kLanes; ++lane) {
    const auto& mine = *static_cast<const Product*>(lanes[lane]->input);
    for (unsigned i = 0; i < 4; ++i) (*mine.d)[i] = d[lane / 4 + i / 2 * 8][lane % 4 * 2 + i % 2];
  }
}

void shuffle(Fiber* const (&lanes)[kLanes]) {
  for (unsigned lane = 0; lane < kLanes; ++lane) {
    if (lanes[lane] == nullptr) continue;
    const Fiber* source = lanes[lanes[lane]->source_lane];
    if (source == nullptr) {
      fail("__shfl_sync at %s:%d: lane %u reads lane %d, which does not take part", lanes[lane]->site.file,
           lanes[lane]->site.line, lane, lanes[lane]->source_lane);
    }
    lanes[lane]->result = source->value;
  }
}

void compute(Collective collective, Fiber* const (&lanes)[kLanes]) {
  switch (collective) {
    case Collective::syncwarp:
      return;
    case Collective::shuffle:
      return shuffle(lanes);
    case Collective::vote:
    case Collective::match:
      for (Fiber* mine : lanes) {
        if (mine == nullptr) continue;
        mine->result = 0;
        for (unsigned lane = 0; lane < kLanes; ++lane) {
          if (lanes[lane] == nullptr) continue;
          const bool counts =
              collective == Collective::vote ? lanes[lane]->value != 0 : lanes[lane]->value == mine->value;
          if (counts) mine->result |= uint64_t{1} << lane;
        }
      }
      return;
    case Collective::ldmatrix:
      for (Fiber* mine : lanes) {
        for (unsigned lane = 0; lane < kLanes; ++lane) {
          static_cast<const void**>(mine->output)[lane] = lanes[lane]->input;
        }
      }
      return;
    case Collective::mma:
      return multiply_fragments(lanes);
  }
}

void check_same_call(const Fiber& first, const Fiber& other) {
  if (other.collective == first.collective && other.mask == first.mask &&
      other.site.line == first.site.line && other.site.file == first.site.file) {
    return;
  }
  fail("warp divergence: thread %u in %s (%s:%d, mask %08x), thread %u in %s (%s:%d, mask %08x)",
       first.linear, collective_name(first.collective), first.site.file, first.site.line, first.mask,
       other.linear, collective_name(other.collective), other.site.file, other.site.line, other.mask);
}

void take_part(Collective collective, unsigned mask, Site site) {
  Fiber* mine = block.current;
  const unsigned warp = mine->linear / kLanes, lane = mine->linear % kLanes;
  if ((mask >> lane & 1) == 0) {
    fail("%s at %s:%d: lane %u is not in its own mask %08x", collective_name(collective), site.file,
         site.line, lane, mask);
  }
  const bool whole = collective == Collective::ldmatrix || collective == Collective::mma;
  if (whole && block.warps[warp].alive != ~0u) {
    fail("%s at %s:%d wants 32 live lanes", collective_name(collective), site.file, site.line);
  }
  mine->collective = collective;
  mine->mask = mask;
  mine->site = site;
  set_waiting(mine, Wait::warp);
  block.warps[warp].arrived |= 1u << lane;
  finish_collectives(warp);
  const bool give_way =
      options().order == Order::priority || (options().order == Order::uniform && draws().below(2) == 0);
  if (mine->wait != Wait::ready || give_way) run_another();
}

int meet(bool predicate, BlockVote vote, Site site) {
  Barrier& barrier = block.barrier;
  if (barrier.arrived == 0) {
    barrier.site = site;
    barrier.votes[0] = 0;
    barrier.votes[1] = 1;
    barrier.votes[2] = 0;
  } else if (barrier.site.line != site.line || barrier.site.file != site.file) {
    fail("divergent barrier: %s:%d while others wait at %s:%d", site.file, site.line, barrier.site.file,
         barrier.site.line);
  }
  barrier.votes[0] += predicate;
  barrier.votes[1] &= predicate;
  barrier.votes[2] |= predicate;
  ++barrier.arrived;
  char* marker = &barrier.marker[barrier.generation % 2];
  release(marker);
  Fiber* mine = block.current;
  mine->site = site;
  set_waiting(mine, Wait::barrier);
  finish_barrier();
  if (mine->wait != Wait::ready || options().order != Order::ascending) run_another();
  acquire(marker);
  return barrier.result[static_cast<int>(vote)];
}

}  // namespace

const char* collective_name(Collective collective) {
  static const char* const names[] = {"__syncwarp",       "__shfl_sync", "vote",
                                      "__match_any_sync", "ldmatrix",    "mma.sync"};
  return names[static_cast<int>(collective)];
}

void finish_barrier() {
  Barrier& barrier = block.barrier;
  if (barrier.arrived == 0 || barrier.arrived < block.live) return;
  if (barrier.arrived < block.size) {
    fail("__syncthreads at %s:%d: %u of %u threads have already exited", barrier.site.file, barrier.site.line,
         block.size - barrier.arrived, block.size);
  }
  barrier.arrived = 0;
  ++barrier.generation;
  std::copy(std::begin(barrier.votes), std::end(barrier.votes), barrier.result);
  for (unsigned thread = 0; thread < block.size; ++thread) {
    if (block.threads[thread]->wait == Wait::barrier) set_ready(block.threads[thread]);
  }
}

void finish_collectives(unsigned warp_number) {
  Warp& warp = block.warps[warp_number];
  Fiber** threads = block.threads + warp_number * kLanes;
  for (unsigned todo = warp.arrived; todo != 0;) {
    const unsigned first_lane = static_cast<unsigned>(std::countr_zero(todo));
    const Fiber& first = *threads[first_lane];
    const unsigned group = first.mask & warp.alive;
    todo &= ~(1u << first_lane);
    if ((group & warp.arrived) != group) continue;
    Fiber* lanes[kLanes] = {};
    unsigned to_acquire = 0;
    for (unsigned lane = 0; lane < kLanes; ++lane) {
      if ((group >> lane & 1) == 0) continue;
      lanes[lane] = threads[lane];
      check_same_call(first, *lanes[lane]);
      to_acquire |= 1u << lanes[lane]->released;
    }
    compute(first.collective, lanes);
    if (first.collective == Collective::syncwarp) ++warp.generation;
    warp.arrived &= ~group;
    todo &= ~group;
    for (Fiber* lane : lanes) {
      if (lane == nullptr) continue;
      lane->to_acquire = to_acquire;
      set_ready(lane);
    }
  }
}

void barrier(Site site) { meet(false, BlockVote::count, site); }
int barrier_vote(BlockVote vote, bool predicate, Site site) { return meet(predicate, vote, site); }

void warp_barrier(unsigned mask, Site site) {
  Warp& warp = block.warps[block.current->linear / kLanes];
  block.current->released = warp.generation % 2;
  release(&warp.marker[block.current->released]);
  take_part(Collective::syncwarp, mask, site);
  for (unsigned i = 0; i < 2; ++i) {
    if ((block.current->to_acquire >> i & 1) != 0) acquire(&warp.marker[i]);
  }
}

uint64_t warp_shuffle(unsigned mask, uint64_t value, int source_lane, Site site) {
  block.current->value = value;
  block.current->source_lane = source_lane & static_cast<int>(kLanes - 1);
  take_part(Collective::shuffle, mask, site);
  return block.current->result;
}

unsigned warp_ballot(unsigned mask, bool predicate, Site site) {
  block.current->value = predicate;
  take_part(Collective::vote, mask, site);
  return static_cast<unsigned>(block.current->result);
}

unsigned warp_match(unsigned mask, uint64_t value, Site site) {
  block.current->value = value;
  take_part(Collective::match, mask, site);
  return static_cast<unsigned>(block.current->result);
}

void warp_exchange_pointers(const void* mine, const void* (&all)[32], Site site) {
  block.current->input = mine;
  block.current->output = all;
  take_part(Collective::ldmatrix, ~0u, site);
}

void warp_multiply(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2], const float (&c)[4],
                   Site site) {
  const Product product{&a, &b, &c, &d};
  block.current->input = &product;
  take_part(Collective::mma, ~0u, site);
}

}  // namespace emulation
