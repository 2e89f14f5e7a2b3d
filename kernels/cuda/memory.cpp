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
    static_cast<void>(cudaGetLastError());  // the device is as it was
    size_t free_bytes = 0, all_bytes = 0;
    check_cuda(cudaMemGetInfo(&free_bytes, &all_bytes));
    throw OutOfMemory(fmt::format(
        "out of GPU memory: {} bytes wanted, {} of {} are free; run fewer ranks on this GPU, or a "
        "smaller model",
        bytes, free_bytes, all_bytes));
  }
  check_cuda(status);
  return Buffer(memory, bytes, Device::cuda, release_device);
}

void require_free(int64_t bytes) {
  size_t free_bytes = 0, all_bytes = 0;
  check_cuda(cudaMemGetInfo(&free_bytes, &all_bytes));
  if (free_bytes >= static_cast<size_t>(bytes)) return;
  throw OutOfMemory(fmt::format(
      "out of GPU memory: {} of {} bytes are free, and {} are wanted for the code of kernels, which "
      "is loaded when it is first used; run fewer ranks on this GPU, or a smaller model",
      free_bytes, all_bytes, bytes));
}

Buffer allocate_pinned(int64_t bytes) {
  void* memory = nullptr;
  const cudaError_t status = cudaMallocHost(&memory, static_cast<size_t>(bytes));
  if (status == cudaErrorMemoryAllocation) {
    static_cast<void>(cudaGetLastError());
    throw OutOfMemory(
        fmt::format("out of pinned host memory: {} bytes wanted; run fewer ranks on this host", bytes));
  }
  check_cuda(status);
  return Buffer(memory, bytes, Device::cpu, release_pinned);
}

}  // namespace limner
