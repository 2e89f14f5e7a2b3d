// Owners of device and pinned host memory.
#pragma once

#include "kernels/cuda/check_cuda.h"
#include "runtime/buffer.h"

namespace limner {

// Not zeroed, 256-byte aligned. Not enough memory is OutOfMemory with what is free; nothing else has changed.
Buffer allocate_device(int64_t bytes);
void require_free(int64_t bytes);  // on the device, for what is not allocated here; or OutOfMemory
// Host memory that the device reads and writes in the background; or OutOfMemory.
Buffer allocate_pinned(int64_t bytes);

}  // namespace limner
