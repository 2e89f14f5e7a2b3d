// How a run is ordered, from the environment, so that one test program serves every order:
//   LIMNER_EMULATION_ORDER   ascending | descending | priority | uniform: which waiting thread (and block)
//                            goes on next. `priority` draws an order of threads or warps for each block and
//                            always runs the first that can, so that some run as far ahead as the barriers
//                            let them.
//   LIMNER_EMULATION_SEED    of everything that is drawn
//   LIMNER_EMULATION_STREAMS lazy (as late as possible, streams in a drawn order) | eager
//   LIMNER_EMULATION_GUARD   1: under AddressSanitizer, device memory may be touched by device work only
//   LIMNER_EMULATION_MEMORY  bytes of device memory
//   LIMNER_EMULATION_CAPABILITY  ten times the compute capability
//   LIMNER_EMULATION_FAILING_LAUNCH  the launch with this number, from 1 on, fails
#pragma once

#include <cstdint>

namespace emulation {

enum class Order : uint8_t { ascending, descending, uniform, priority };

struct Options {
  Order order = Order::ascending;
  uint64_t seed = 1;
  bool lazy_streams = true;
  bool guard = false;
  uint64_t memory_bytes = uint64_t{1} << 34;
  int capability = 80;
  int64_t failing_launch = 0;
};
const Options& options();

// Xorshift (Marsaglia, 2003).
class Draws {
 public:
  explicit Draws(uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15ull + 1) {}
  uint64_t next() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return state_;
  }
  uint64_t below(uint64_t count) { return next() % count; }

 private:
  uint64_t state_;
};

}  // namespace emulation
