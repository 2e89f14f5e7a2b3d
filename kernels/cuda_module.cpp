#include "kernels/cuda_module.h"

#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <vector>

namespace limner {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFileName = "liblimner_cuda.so";

std::vector<fs::path> places() {
  if (const char* chosen = std::getenv("LIMNER_CUDA_MODULE")) return {chosen};
  std::error_code ignored;  // without /proc the program's folder is not known, and the other place remains
  const fs::path program = fs::read_symlink("/proc/self/exe", ignored);
  return {program.parent_path() / kFileName, fs::path(LIMNER_MODULE_FOLDER) / kFileName};
}

FoundCuda load() {
  FoundCuda found;
  for (const fs::path& file : places()) {
    if (!fs::exists(file)) {
      found.reason += fmt::format("{}no CUDA module {}", found.reason.empty() ? "" : ", ", file.string());
      continue;
    }
    // Never closed: the objects it makes live until the program ends.
    void* library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) {
      found.reason = fmt::format("the CUDA module cannot be loaded: {}", dlerror());
      return found;
    }
    const auto entry = reinterpret_cast<CudaModuleEntry>(dlsym(library, kCudaModuleEntry));
    const CudaModule* module = entry == nullptr ? nullptr : entry();
    if (module == nullptr || module->interface_version != kCudaModuleVersion ||
        std::string_view(module->build) != LIMNER_VERSION) {
      found.reason = fmt::format("{} belongs to another build of Limner", file.string());
      return found;
    }
    found.reason.clear();
    found.module = module;
    found.devices = module->device_count(&found.reason);
    return found;
  }
  return found;
}

}  // namespace

const FoundCuda& find_cuda() {
  static const FoundCuda found = load();
  return found;
}

}  // namespace limner
