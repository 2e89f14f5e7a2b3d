#include "kernels/select.h"

#include <set>
#include <string>
#include <vector>

#include "kernels/cuda_module.h"
#include "kernels/staged_reducer.h"
#include "runtime/error.h"
#include "runtime/log.h"

namespace limner {
namespace {

// The module to compute with, or null for the CPU.
const CudaModule* chosen_module(const RuntimeSettings& settings) {
  if (settings.device == "cpu") return nullptr;
  const FoundCuda& found = find_cuda();
  if (found.devices > 0) return found.module;
  if (settings.device == "cuda") {
    fail(ExitCode::bad_config, "runtime.device: cuda, but {}; use auto or cpu", found.reason);
  }
  return nullptr;
}

int device_of(const Communicator& ranks) { return ranks.local_rank() % find_cuda().devices; }

// Do ranks share a GPU? Known by the GPUs' own names: a launcher may show each rank one GPU only, as number
// 0. Every rank calls.
bool gpus_are_shared(const CudaModule& module, const Communicator& ranks) {
  const std::string mine = ranks.host() + " " + module.identity(device_of(ranks));
  const std::vector<std::string> all = ranks.all_gather(mine, "compare the ranks' GPUs");
  return std::set<std::string>(all.begin(), all.end()).size() < all.size();
}

}  // namespace

std::unique_ptr<Backend> select_backend(const RuntimeSettings& settings, int threads,
                                        const Communicator& ranks) {
  const CudaModule* module = chosen_module(settings);
  const int64_t on_gpu = ranks.sum(int64_t{module != nullptr}, "agree on the device");
  if (on_gpu != 0 && on_gpu != ranks.size()) {
    fail(ExitCode::bad_config,
         "runtime.device: auto found a GPU for {} of {} ranks; set cpu, or run on hosts that all have one",
         on_gpu, ranks.size());
  }
  if (module == nullptr) {
    if (settings.device == "auto") log_info("device: cpu ({})", find_cuda().reason);
    return make_cpu_backend(threads);
  }
  if (gpus_are_shared(*module, ranks) && ranks.root()) {
    log_warning("device: ranks share a GPU ({} ranks and {} GPUs on host {})", ranks.local_size(),
                find_cuda().devices, ranks.host());
  }
  return module->make_backend(device_of(ranks), settings.cuda_graphs ? Graphs::on : Graphs::off);
}

DType select_precision(const RuntimeSettings& settings) {
  const CudaModule* module = chosen_module(settings);
  if (settings.precision == "f32") return DType::f32;
  if (settings.precision == "bf16") return DType::bf16;
  const bool native = module != nullptr || cpu_has_bf16();
  return native ? DType::bf16 : DType::f32;
}

Shapes select_shapes(const RuntimeSettings& settings) {
  return settings.cuda_graphs && chosen_module(settings) != nullptr ? Shapes::few : Shapes::any;
}

std::unique_ptr<DeviceReducer> select_reducer(Backend& backend, const Communicator& ranks) {
  if (backend.device() == Device::cpu) return make_mpi_reducer(ranks);
  if (ranks.size() == 1) return make_staged_reducer(backend, ranks);
  const CudaModule& module = *find_cuda().module;
  std::string note = "ranks share a GPU";
  std::unique_ptr<DeviceReducer> reducer;
  if (!gpus_are_shared(module, ranks)) reducer = module.make_reducer(backend, ranks, &note);
  if (reducer != nullptr) {
    log_info("gradients: summed by {}", note);
    return reducer;
  }
  log_info("gradients: summed by MPI, through host memory ({})", note);
  return make_staged_reducer(backend, ranks);
}

}  // namespace limner
