#include "kernels/cuda/memory.h"

namespace limner {
namespace {

// Owners run at times that nobody can answer for (a program that ends on an error): a failure is not
// reported.
void release_device(void* memory) { static_cast<void>(cudaFree(memory)); }
void release_pinned(void* memory) { static_cast<void>(cudaFreeHost(memory)); }

}  // namespace

void check_cuda(cudaError_t status, std::source_location place) {
  if (status == cudaSuccess) return;
  static_cast<void>(cudaGetLastError());  // a launch that failed would be reported again by the next one
  fail(ExitCode::internal, "CUDA: {} ({}:{})", cudaGetErrorString(status), place.file_name(), place.line());
}

Buffer allocate_device(int64_t bytes) {
  void* memory = nullptr;
  const cudaError_t status = cudaMalloc(&memory, static_cast<size_t>(bytes));
  if (status == cudaErrorMemoryAllocation) {
    static_cast<void>(cudaGetLastError());
    size_t free_bytes = 0, all_bytes = 0;
    check_cuda(cudaMemGetInfo(&free_bytes, &all_bytes));
    fail(ExitCode::internal,
         "out of GPU memory: {} bytes wanted, {} of {} are free; lower max_tokens_per_batch or run fewer "
         "ranks "
         "on this GPU",
         bytes, free_bytes, all_bytes);
  }
  check_cuda(status);
  return Buffer(memory, bytes, Device::cuda, release_device);
}

Buffer allocate_pinned(int64_t bytes) {
  void* memory = nullptr;
  check_cuda(cudaMallocHost(&memory, static_cast<size_t>(bytes)));
  return Buffer(memory, bytes, Device::cpu, release_pinned);
}

}  // namespace limner
