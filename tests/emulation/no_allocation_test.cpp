// After reserve() a step's operations take no more device memory.
#include <cuda_runtime.h>

#include "tests/kernels/operand.h"

namespace limner::test {

size_t free_bytes() {
  size_t free = 0, total = 0;
  EXPECT_EQ(cudaMemGetInfo(&free, &total), cudaSuccess);
  return free;
}

TEST(NoAllocation, AfterReserve) {
  const int64_t tokens = 4200, width = 600;
  const auto backend = make_backend(1);
  backend->reserve(tokens, width);
  const Rows rows({4000, 0, 200});
  const Operand x(DType::f32, {tokens, width}, 1), y(DType::f32, {tokens, width}),
      dx(DType::f32, {tokens, width});
  const Operand mean(DType::f32, {tokens}, 2), rstd(DType::f32, {tokens}, 3), gamma(DType::f32, {width}, 4),
      dgamma(DType::f32, {width}, 5), dbeta(DType::f32, {width}, 6), table(DType::f32, {7, width}, 7);
  std::vector<int32_t> ids;
  for (int64_t token = 0; token < tokens; ++token) ids.push_back(static_cast<int32_t>(token % 7));
  const AttentionShape shape{12, 25, Masking::causal, {}, 6, 0};  // packed as wide as x
  const Operand rstds(DType::f32, {tokens, 18}, 9), scale(DType::f32, {25}, 10), dscale(DType::f32, {25}, 11);
  const size_t before = free_bytes();
  backend->norm_backward(y, Write::overwrite, dx, dgamma, dbeta, x, x, mean, rstd, gamma, NormKind::layer,
                         {0.1f, 8}, rows);
  backend->embedding_backward(table, table, table, x, ids, ids, ids);
  backend->sum_of_squares(x);
  backend->head_norm_backward(y, dscale, dscale, x, x, rstds, scale, scale, shape);
  backend->synchronize();
  EXPECT_EQ(free_bytes(), before);
}

}  // namespace limner::test
