// For the emulated libraries: work on a stream.
#pragma once

#include <cuda_runtime.h>

#include <functional>

namespace emulation {

void enqueue(cudaStream_t stream, std::function<void()> work);

}  // namespace emulation
