// For the emulated libraries: work on a stream, and in graphs.
#pragma once

#include <cuda_runtime.h>

#include <functional>

namespace emulation {

// What a stream does, or a graph's node.
struct Task {
  std::function<void()> run;
  // A kernel of ours: which one, and how it gets another grid and other arguments.
  const void* kernel = nullptr;
  std::function<cudaError_t(Task& task, const cudaKernelNodeParams& parameters)> change;
};

// Runs later, or becomes a node where the stream is under capture.
cudaError_t enqueue(cudaStream_t stream, Task task);
// Called again and again until it says that it is done.
void enqueue_until(cudaStream_t stream, std::function<bool()> is_done);
bool launch_fails();  // the next launch, as wished (options.h)
bool is_ordered_with_default(cudaStream_t stream);
cudaError_t remember(cudaError_t error);  // for cudaGetLastError

// memory.cpp
bool take_device_memory(size_t bytes);  // false: there is not so much
void give_device_memory_back(size_t bytes);
void guard_device_memory(bool on);  // against the host (options.h)

// graphs.cpp. Is the stream under capture, or with `nullptr` one that is ordered with the default stream?
bool is_captured(cudaStream_t stream);
cudaError_t capture(cudaStream_t stream, Task task);
// For calls that may not be made while this thread captures: the error, which makes the capture invalid.
cudaError_t refused_by_capture(cudaError_t error = cudaErrorStreamCaptureUnsupported);

}  // namespace emulation
