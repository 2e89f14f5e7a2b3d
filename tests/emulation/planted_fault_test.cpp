// A fault that compute-sanitizer must report, for scripts/gpu-check: a sanitizer that looks at none of our
// kernels would pass them all. Not run otherwise.
#include <gtest/gtest.h>

#include "tests/kernels/device.h"

namespace limner::test {
namespace {

TEST(DISABLED_PlantedFault, ReadsBehindItsMemory) {
  const auto backend = make_backend(1);
  constexpr int64_t kCount = 1 << 20;
  const Buffer half = device_memory(kCount / 2 * dtype_bytes(DType::f32)),
               whole = device_memory(kCount * dtype_bytes(DType::bf16));
  const Tensor from(half.data(), DType::f32, {kCount}, half.device()),
      to(whole.data(), DType::bf16, {kCount}, whole.device());
  backend->cast(to, from);
  backend->synchronize();
}

}  // namespace
}  // namespace limner::test
