// What the program sees of the module.
#include "kernels/cuda_module.h"

#include <cuda_runtime.h>

#include "kernels/cuda/check_cuda.h"
#include "kernels/cuda/cuda_backend.h"
#ifdef LIMNER_NCCL
#include "kernels/cuda/nccl_reducer.h"
#endif

namespace limner {
namespace {

constexpr int kLeastCapability = 8;  // what the kernels are compiled for

int device_count(std::string* reason) {
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status != cudaSuccess || count == 0) {
    static_cast<void>(cudaGetLastError());
    *reason = fmt::format("no GPU can be used: {}",
                          status == cudaSuccess ? "the driver shows none" : cudaGetErrorString(status));
    return 0;
  }
  for (int device = 0; device < count; ++device) {
    cudaDeviceProp properties{};
    check_cuda(cudaGetDeviceProperties(&properties, device));
    if (properties.major >= kLeastCapability) continue;
    *reason = fmt::format(
        "GPU {} ({}) has compute capability {}.{}, and {}.0 is wanted (CUDA_VISIBLE_DEVICES hides GPUs)",
        device, properties.name, properties.major, properties.minor, kLeastCapability);
    return 0;
  }
  return count;
}

// Of the whole GPU, as NCCL tells GPUs apart: slices of one have UUIDs of their own.
std::string identity(int device) {
  cudaDeviceProp properties{};
  check_cuda(cudaGetDeviceProperties(&properties, device));
  return fmt::format("{}:{}:{}", properties.pciDomainID, properties.pciBusID, properties.pciDeviceID);
}

std::unique_ptr<Backend> make_backend(int device, Graphs graphs) {
  return std::make_unique<CudaBackend>(device, graphs);
}

std::unique_ptr<DeviceReducer> make_reducer([[maybe_unused]] Backend& backend,
                                            [[maybe_unused]] const Communicator& ranks, std::string* note) {
#ifdef LIMNER_NCCL
  return make_nccl_reducer(static_cast<CudaBackend&>(backend).stream(), ranks, note);
#else
  *note = "this build has no NCCL";
  return nullptr;
#endif
}

constexpr CudaModule kModule{kCudaModuleVersion, LIMNER_VERSION, device_count,
                             identity,           make_backend,   make_reducer};

}  // namespace
}  // namespace limner

extern "C" __attribute__((visibility("default"))) const limner::CudaModule* limner_cuda_module() {
  return &limner::kModule;
}
