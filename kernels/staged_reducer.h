// Gradient sums of a device whose memory MPI cannot read.
#pragma once

#include <memory>

#include "kernels/backend.h"
#include "runtime/communicator.h"

namespace limner {

// start_sum() copies the tensor to host memory and starts the sum there, finish() copies the sums back. The
// backend outlives the reducer.
std::unique_ptr<DeviceReducer> make_staged_reducer(Backend& backend, const Communicator& ranks);

}  // namespace limner
