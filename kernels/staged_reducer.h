// Sums and gathers of a device whose memory MPI cannot read.
#pragma once

#include <memory>

#include "kernels/backend.h"
#include "runtime/communicator.h"

namespace limner {

// start_…() copies the tensor to host memory and starts there, finish() copies the results back. The backend
// outlives the reducer.
std::unique_ptr<DeviceReducer> make_staged_reducer(Backend& backend, const Communicator& ranks);

}  // namespace limner
