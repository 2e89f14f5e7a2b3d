// The CUDA module: a library with the CUDA backend that the program loads when it starts to compute, so that
// one build runs on machines without a driver or without cuBLAS.
#pragma once

#include <memory>
#include <string>

#include "kernels/backend.h"
#include "runtime/communicator.h"

namespace limner {

// What the module offers. The two sides exchange C++ objects: they must come from one build.
struct CudaModule {
  int interface_version;  // first in every version
  const char* build;      // the program's version
  // How many GPUs this process may use; with none, `reason` receives why. All multiply bf16 natively.
  int (*device_count)(std::string* reason);
  // Of the GPU itself: ranks of a host that name the same one share it, whatever number it has for them.
  std::string (*identity)(int device);
  std::unique_ptr<Backend> (*make_backend)(int device, Graphs graphs);
  // Sums by NCCL, for ranks that each have a GPU of their own; null where a rank has no NCCL. `note` receives
  // what sums, or why nothing does. Every rank calls; the backend, of this module, outlives the reducer.
  std::unique_ptr<DeviceReducer> (*make_reducer)(Backend& backend, const Communicator& ranks,
                                                 std::string* note);
};
inline constexpr int kCudaModuleVersion = 5;
inline constexpr const char* kCudaModuleEntry = "limner_cuda_module";
using CudaModuleEntry = const CudaModule* (*)();

struct FoundCuda {
  const CudaModule* module = nullptr;
  int devices = 0;
  std::string reason;  // why there is no device
};
// Loads the module at the first call: liblimner_cuda.so from the program's folder, else from the one it was
// configured to be installed in. Never fails. LIMNER_CUDA_MODULE names another file, for tests.
const FoundCuda& find_cuda();

}  // namespace limner
