// Owners of device and pinned host memory.
#pragma once

#include "kernels/cuda/check_cuda.h"
#include "runtime/buffer.h"

namespace limner {

// Not zeroed, 256-byte aligned. Not enough memory is ExitCode::internal with what is free and what to do.
Buffer allocate_device(int64_t bytes);
// Host memory that the device reads and writes in the background.
Buffer allocate_pinned(int64_t bytes);

}  // namespace limner
