// Batches as large as the memory of every rank allows.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "model/model.h"
#include "runtime/communicator.h"

namespace limner {

struct MemoryFit {
  int64_t tokens = 0;
  std::string lack;  // what the next larger batch met, and on which rank; empty: all of `most` fits
};
struct LeastBatch {  // what no plan can do without
  int64_t tokens;
  const char* what;    // "the longest row"
  const char* advice;  // for the case that not even that fits
};
// The most tokens, of `most`, its half, that one's half, … and at last `least`, for which plan(tokens) finds
// the memory on every rank; the same number on all of them, with the model planned for it. If nothing fits,
// OutOfMemory on all ranks. All ranks together.
MemoryFit plan_within_memory(const Communicator& ranks, Model& model, int64_t most, const LeastBatch& least,
                             const std::function<void(int64_t tokens)>& plan);

}  // namespace limner
