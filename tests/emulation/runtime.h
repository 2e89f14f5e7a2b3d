// For the emulated libraries: work on a stream.
#pragma once

#include <cuda_runtime.h>

#include <functional>

namespace emulation {

void enqueue(cudaStream_t stream, std::function<void()> work);
// Called again and again until it says that it is done.
void enqueue_until(cudaStream_t stream, std::function<bool()> is_done);

}  // namespace emulation
