// The device and the number format of a run: the one place that chooses.
#pragma once

#include <memory>

#include "kernels/backend.h"
#include "runtime/settings.h"

namespace limner {

// Both: a device that this build does not have is bad_config.
std::unique_ptr<Backend> select_backend(const RuntimeSettings& settings, int threads);
// Of activations and of the weights in matrix products: f32 or bf16.
DType select_precision(const RuntimeSettings& settings);

}  // namespace limner
