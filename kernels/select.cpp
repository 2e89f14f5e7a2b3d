#include "kernels/select.h"

#include "runtime/error.h"

namespace limner {
namespace {

void check_device(const RuntimeSettings& settings) {
  if (settings.device != "cuda") return;
  fail(ExitCode::bad_config, "runtime.device: cuda, but this build has no CUDA module; use auto or cpu");
}

}  // namespace

std::unique_ptr<Backend> select_backend(const RuntimeSettings& settings, int threads) {
  check_device(settings);
  return make_cpu_backend(threads);
}

DType select_precision(const RuntimeSettings& settings) {
  check_device(settings);
  if (settings.precision == "f32") return DType::f32;
  if (settings.precision == "bf16") return DType::bf16;
  return cpu_has_bf16() ? DType::bf16 : DType::f32;
}

}  // namespace limner
