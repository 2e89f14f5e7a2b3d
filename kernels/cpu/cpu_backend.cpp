#include "kernels/cpu/cpu_backend.h"

#include <fmt/format.h>

#include <cstring>

#include "hwy/targets.h"
#include "kernels/tuning.h"

namespace limner {

CpuBackend::CpuBackend(int threads) : threads_(threads), thread_scratch_(threads) {
  require(threads >= 1, "the CPU backend needs at least one thread, got {}", threads);
}

std::string CpuBackend::description() const {
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw");
  const char* vectors = avx512 ? "AVX-512" : __builtin_cpu_supports("avx2") ? "AVX2" : "x86-64";
  return fmt::format("cpu: {}{}, {} thread{}, {}", vectors, cpu_has_bf16() ? " (bf16)" : "", threads_,
                     threads_ == 1 ? "" : "s", matmul_library());
}

void CpuBackend::upload(Tensor device, const void* host) {
  std::memcpy(device.data, host, static_cast<size_t>(device.bytes()));
}

void CpuBackend::download(void* host, Tensor device) {
  std::memcpy(host, device.data, static_cast<size_t>(device.bytes()));
}

void CpuBackend::reserve(int64_t tokens, int64_t widest) {
  require(tokens >= 0 && widest >= 0, "reserve: {} tokens, width {}", tokens, widest);
  const int64_t padded_rows = std::min(tuning::kLinearRowsMost,
                                       std::max(tokens, tuning::kWeightTokenGrain) + tuning::kLinearRowGrain);
  const int64_t padded_bytes = 2 * padded_rows * widest * dtype_bytes(DType::f32);
  const int64_t partial_bytes = 2 * tuning::kPartialSums * widest * dtype_bytes(DType::f32);
  shared_scratch_.at_least(std::max(padded_bytes, partial_bytes));
}

std::unique_ptr<Backend> make_cpu_backend(int threads) { return std::make_unique<CpuBackend>(threads); }

bool cpu_has_bf16() { return __builtin_cpu_supports("avx512bf16") != 0; }

}  // namespace limner
