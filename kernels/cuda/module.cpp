// What the program sees of the module.
#include "kernels/cuda_module.h"

#include <cuda_runtime.h>

#include "kernels/cuda/check_cuda.h"
#include "kernels/cuda/cuda_backend.h"

namespace limner {
namespace {

int device_count(std::string* reason) {
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status == cudaSuccess && count > 0) return count;
  static_cast<void>(cudaGetLastError());
  *reason = fmt::format("no GPU can be used: {}",
                        status == cudaSuccess ? "the driver shows none" : cudaGetErrorString(status));
  return 0;
}

bool multiplies_bf16(int device) {
  cudaDeviceProp properties{};
  check_cuda(cudaGetDeviceProperties(&properties, device));
  return properties.major >= 8;
}

std::unique_ptr<Backend> make_backend(int device) { return std::make_unique<CudaBackend>(device); }

constexpr CudaModule kModule{kCudaModuleVersion, LIMNER_VERSION, device_count, multiplies_bf16, make_backend};

}  // namespace
}  // namespace limner

extern "C" __attribute__((visibility("default"))) const limner::CudaModule* limner_cuda_module() {
  return &limner::kModule;
}
