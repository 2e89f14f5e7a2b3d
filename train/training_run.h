// One training run with a stop of one's own: what train() and the tests call.
#pragma once

#include <functional>

#include "runtime/run.h"

namespace limner {

// stop: asked on every rank before each step and between blocks of rows; true on any rank saves and throws
// interrupted("train").
void train_until(const Run& run, const std::function<bool()>& stop);

}  // namespace limner
