// How much a forward pass computes.
#pragma once

#include <cstdint>

#include "model/config.h"

namespace limner {

// Multiply-adds of the matrix products and of attention for one row of this many tokens, times two. Backward
// takes twice as much again.
double forward_flops(const ModelConfig& config, int64_t tokens);

}  // namespace limner
