// The memory of the CUDA backend: zeroed for all, enough after reserve(), and never replaced under work that
// is still to be done.
#include <cuda_runtime.h>

#include <algorithm>

#include "kernels/cuda/cuda_backend.h"
#include "tests/kernels/operand.h"

namespace limner::test {
namespace {

size_t free_bytes() {
  size_t free = 0, total = 0;
  EXPECT_EQ(cudaMemGetInfo(&free, &total), cudaSuccess);
  return free;
}

TEST(BackendMemory, IsEnoughAfterReserve) {
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
  const auto step = [&] {
    backend->norm_backward(y, Write::overwrite, dx, dgamma, dbeta, x, x, mean, rstd, gamma, NormKind::layer,
                           {0.1f, 8}, rows);
    backend->embedding_backward(table, table, table, x, ids, ids, ids);
    backend->sum_of_squares(x);
    backend->head_norm_backward(y, dscale, dscale, x, x, rstds, scale, scale, shape);
    backend->synchronize();
  };
  const size_t at_first = free_bytes();
  step();
  const size_t before = free_bytes();
#ifdef LIMNER_EMULATION
  EXPECT_EQ(before, at_first);
#else  // the code of a kernel takes memory when it is first launched
  static_cast<void>(at_first);
#endif
  step();
  EXPECT_EQ(free_bytes(), before);
}

TEST(BackendMemory, IsZeroForOtherStreamsAtOnce) {
  const auto backend = make_backend(1);
  cudaStream_t other = nullptr;
  ASSERT_EQ(cudaStreamCreateWithFlags(&other, cudaStreamNonBlocking), cudaSuccess);
  for (int time = 0; time < 10; ++time) {  // which stream goes first is drawn
    const Buffer buffer = backend->allocate(1 << 16);
    std::vector<char> bytes(static_cast<size_t>(buffer.bytes()), 1);
    EXPECT_EQ(cudaMemcpyAsync(bytes.data(), buffer.data(), bytes.size(), cudaMemcpyDeviceToHost, other),
              cudaSuccess);
    EXPECT_EQ(cudaStreamSynchronize(other), cudaSuccess);
    EXPECT_EQ(std::count(bytes.begin(), bytes.end(), 0), std::ssize(bytes));
  }
  EXPECT_EQ(cudaStreamDestroy(other), cudaSuccess);
}

// A norm's backward pass, whose partial sums lie in scratch memory.
struct NormGradients {
  int64_t tokens, width;
  Operand x{DType::f32, {tokens, width}, 1}, dx{DType::f32, {tokens, width}};
  Operand mean{DType::f32, {tokens}, 2}, rstd{DType::f32, {tokens}, 3}, gamma{DType::f32, {width}, 4};
  Operand dgamma{DType::f32, {width}, 5}, dbeta{DType::f32, {width}, 6};
  NormGradients(int64_t rows, int64_t columns) : tokens(rows), width(columns) {}
  void add(Backend& backend) const {
    backend.norm_backward(dx, Write::overwrite, Tensor(), dgamma, dbeta, x, x, mean, rstd, gamma,
                          NormKind::layer, {}, {});
  }
};

TEST(BackendMemory, GrowsBehindWhatIsGathered) {
  const NormGradients small(40, 30), large(272, 8192), wanted_small(40, 30), wanted_large(272, 8192);
  CudaBackend backend(0, Graphs::on);
  backend.as_one([&] {
    small.add(backend);
    large.add(backend);  // more scratch memory than there was
  });
  backend.synchronize();
  const auto plain = make_backend(1);
  wanted_small.add(*plain);
  wanted_large.add(*plain);
  plain->synchronize();
  EXPECT_EQ(small.dgamma.bytes(), wanted_small.dgamma.bytes());
  EXPECT_EQ(large.dgamma.bytes(), wanted_large.dgamma.bytes());
  EXPECT_EQ(large.dbeta.bytes(), wanted_large.dbeta.bytes());
}

TEST(BackendMemory, OfAReplayIsThatOfItsCall) {
  const NormGradients a(40, 30), b(40, 30), wanted(40, 30);
  CudaBackend backend(0, Graphs::on);
  const auto plain = make_backend(1);
  for (int turn = 0; turn < 4; ++turn) {
    for (const NormGradients* gradients : {&a, &b}) {
      backend.as_one([&] { gradients->add(backend); });
      backend.synchronize();
    }
    wanted.add(*plain);
  }
  plain->synchronize();
  EXPECT_GE(backend.graph_use().replayed, 6);
  for (const NormGradients* gradients : {&a, &b}) {
    EXPECT_EQ(gradients->dgamma.bytes(), wanted.dgamma.bytes());
    EXPECT_EQ(gradients->dbeta.bytes(), wanted.dbeta.bytes());
  }
}

// Each of the ids 0 to 6 in turn; the rows of the gradient are 1.
std::vector<double> counted(Backend& backend, const Operand& table, const Operand& ones) {
  std::vector<int32_t> ids(static_cast<size_t>(ones.tensor().rows()));
  for (size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<int32_t>(i % 7);
  const std::vector<int32_t> zeros(ids.size());
  backend.embedding_backward(table, Tensor(), Tensor(), ones, ids, zeros, zeros);
  std::vector<double> counts(7, 0.0);
  for (const int32_t id : ids) ++counts[static_cast<size_t>(id)];
  return counts;
}

TEST(BackendMemory, OfHostArraysGrowsBehindTheirCopies) {
  const auto backend = make_backend(1);
  const int64_t few = 50, many = 40000;
  const Operand few_ones(DType::f32, {few, 1}, std::vector<double>(few, 1.0)),
      many_ones(DType::f32, {many, 1}, std::vector<double>(many, 1.0));
  const Operand before(DType::f32, {7, 1}), of_few(DType::f32, {7, 1}, std::vector<double>(7, 0.0)),
      of_many(DType::f32, {7, 1}, std::vector<double>(7, 0.0));
  counted(*backend, before, few_ones);  // takes scratch memory, and waits for it
  const std::vector<double> wanted_of_few = counted(*backend, of_few, few_ones);
  const std::vector<double> wanted_of_many = counted(*backend, of_many, many_ones);
  backend->synchronize();
  EXPECT_EQ(of_few.values(), wanted_of_few);
  EXPECT_EQ(of_many.values(), wanted_of_many);
}

}  // namespace
}  // namespace limner::test
