// Sums and gathers of ranks that each have a GPU of their own: by NCCL, from GPU to GPU, on a stream of their
// own.
#pragma once

#include <memory>
#include <string>

#include "kernels/cuda/stream.h"
#include "runtime/communicator.h"

namespace limner {

// An operation starts when what `compute` has been given so far is done, and goes on beside what it is given
// next; finish() waits on the host. Waits end at the communicator's time limit, or when NCCL reports an
// error, with ExitCode::internal: the operation, its number and the ranks that have not come to it. Null,
// with the reason in `note`, where a rank has no NCCL; else `note` receives its version. Every rank calls.
std::unique_ptr<DeviceReducer> make_nccl_reducer(GpuStream& compute, const Communicator& ranks,
                                                 std::string* note);

}  // namespace limner
