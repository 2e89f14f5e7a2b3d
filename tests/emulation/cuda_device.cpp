// The kernel tests' device when it is a GPU.
#include "tests/kernels/device.h"

#include <cuda_runtime.h>

#include "kernels/cuda/cuda_backend.h"
#include "kernels/cuda/memory.h"

namespace limner::test {

std::unique_ptr<Backend> make_backend(int /*threads*/) {
  return std::make_unique<CudaBackend>(0, Graphs::off);
}

bool has_attention(int64_t head_size) {
  return head_size == 32 || head_size == 64 || head_size == 80 || head_size == 96 || head_size == 128;
}

bool has_threads() { return false; }

Buffer device_memory(int64_t bytes) { return allocate_device(bytes); }

void copy_to_device(void* device, const void* host, int64_t bytes) {
  check_cuda(cudaDeviceSynchronize());
  check_cuda(cudaMemcpy(device, host, static_cast<size_t>(bytes), cudaMemcpyHostToDevice));
  check_cuda(
      cudaDeviceSynchronize());  // else the bytes may still be on their way, which no other stream awaits
}

void copy_to_host(void* host, const void* device, int64_t bytes) {
  check_cuda(cudaDeviceSynchronize());
  check_cuda(cudaMemcpy(host, device, static_cast<size_t>(bytes), cudaMemcpyDeviceToHost));
}

}  // namespace limner::test
