// The device and the number format of a run: the one place that chooses.
#pragma once

#include <memory>

#include "kernels/backend.h"
#include "runtime/communicator.h"
#include "runtime/settings.h"

namespace limner {

// `device: cuda` where no GPU can be used is bad_config with the reason; `auto` then takes the CPU and says
// so in the log. The ranks of a host take its GPUs in turn. Every rank calls; ranks that would compute on
// different kinds of device are bad_config.
std::unique_ptr<Backend> select_backend(const RuntimeSettings& settings, int threads,
                                        const Communicator& ranks);
// Of activations and of the weights in matrix products: f32 or bf16.
DType select_precision(const RuntimeSettings& settings);
// The shapes of batches that select_backend's will prefer.
Shapes select_shapes(const RuntimeSettings& settings);
// Sums this backend's tensors over the ranks: on GPUs by NCCL where each rank has one of its own, else by MPI
// through host memory, said in the log. Every rank calls.
std::unique_ptr<DeviceReducer> select_reducer(Backend& backend, const Communicator& ranks);

}  // namespace limner
