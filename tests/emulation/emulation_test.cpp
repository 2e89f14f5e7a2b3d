// The emulation itself, and the helpers of kernels/cuda/gpu.h and ptx.h on it.
#include <gtest/gtest.h>

#include <bit>
#include <cstdlib>
#include <numeric>
#include <vector>

#include "kernels/cuda/memory.h"
#include "kernels/cuda/ptx.h"
#include "kernels/cuda/staging.h"

namespace limner::test {
namespace {

__global__ void sum_blocks_kernel(float* sums, const float* values, int64_t count) {
  float mine = 0.0f;
  for (int64_t i = threadIdx.x; i < count; i += blockDim.x) mine += values[blockIdx.x * count + i];
  const float sum = block_sum(mine), most = block_max(mine), again = block_sum(mine);
  if (threadIdx.x == 0) sums[blockIdx.x] = sum == again && most <= sum ? sum : -1.0f;
}

// Each warp turns its 32 values round, through the block's dynamic memory.
__global__ void reverse_kernel(float* values) {
  SharedArena arena;
  float* mine = arena.take<float>(kWarpSize) + threadIdx.x / kWarpSize * 0;
  float* other = arena.take<float>(kWarpSize);
  const int lane = static_cast<int>(threadIdx.x) % kWarpSize;
  for (int warp = 0; warp < 2; ++warp) {
    if (static_cast<int>(threadIdx.x) / kWarpSize == warp) {
      float* place = warp == 0 ? mine : other;
      place[lane] = values[threadIdx.x];
      __syncwarp();
      values[threadIdx.x] = place[kWarpSize - 1 - lane];
    }
    __syncthreads();
  }
}

// c [16, 8] = a [16, 16] b^T, b [8, 16], both bf16: tiles arrive by cp.async, fragments by ldmatrix.
__global__ void multiply_kernel(float* c, const bf16* a, const bf16* b) {
  SHARED_ARRAY(bf16, tile_a, [16 * 16]);
  SHARED_ARRAY(bf16, tile_b, [8 * 16]);
  const int lane = static_cast<int>(threadIdx.x);
  cp_async16(tile_a + lane * 8, a + lane * 8, true);
  if (lane < 16) cp_async16(tile_b + lane * 8, b + lane * 8, true);
  cp_async_commit();
  cp_async_wait<0>();
  __syncthreads();
  unsigned fragment_a[4], fragment_b[2];
  ldmatrix_x4(fragment_a, tile_a + (lane % 16) * 16 + lane / 16 * 8);
  ldmatrix_x2(fragment_b, tile_b + (lane % 8) * 16 + lane / 8 % 2 * 8);
  float sums[4] = {};
  mma_bf16(sums, fragment_a, fragment_b, sums);
  const int row = lane / 4, column = lane % 4 * 2;
  c[row * 8 + column] = sums[0];
  c[row * 8 + column + 1] = sums[1];
  c[(row + 8) * 8 + column] = sums[2];
  c[(row + 8) * 8 + column + 1] = sums[3];
}

// Each thread takes its neighbour's value; without the barrier it may come too early.
enum class Barrier { missing, there };
template <Barrier kBarrier>
__global__ void neighbour_kernel(float* values) {
  SHARED_ARRAY(float, held, [64]);
  held[threadIdx.x] = values[threadIdx.x];
  if constexpr (kBarrier == Barrier::there) __syncthreads();
  values[threadIdx.x] = held[(threadIdx.x + 1) % 64];
}

// Blocks that add to one number, plainly or atomically.
enum class Add { plain, atomic };
template <Add kAdd>
__global__ void count_blocks_kernel(float* sum) {
  if constexpr (kAdd == Add::atomic) atomicAdd(sum, 1.0f);
  if constexpr (kAdd == Add::plain) *sum += 1.0f;
}

__global__ void diverging_kernel() {
  if (threadIdx.x < 16) __syncthreads();
}

class Emulation : public testing::Test {
 protected:
  template <class T>
  Buffer on_device(const std::vector<T>& values) {
    Buffer buffer = allocate_device(static_cast<int64_t>(values.size() * sizeof(T)));
    check_cuda(cudaMemcpy(buffer.data(), values.data(), values.size() * sizeof(T), cudaMemcpyHostToDevice));
    return buffer;
  }
  std::vector<float> on_host(const Buffer& buffer) {
    stream_.wait();
    std::vector<float> values(static_cast<size_t>(buffer.bytes()) / sizeof(float));
    check_cuda(
        cudaMemcpy(values.data(), buffer.data(), values.size() * sizeof(float), cudaMemcpyDeviceToHost));
    return values;
  }
  GpuStream stream_;
};

TEST_F(Emulation, BlocksAddUp) {
  const int64_t blocks = 3, count = 301;
  std::vector<float> values(static_cast<size_t>(blocks * count));
  std::iota(values.begin(), values.end(), 0.0f);
  const Buffer input = on_device(values), sums = on_device(std::vector<float>(blocks));
  launch(sum_blocks_kernel, dim3(blocks), dim3(96), 0, stream_, static_cast<float*>(sums.data()),
         static_cast<const float*>(input.data()), count);
  for (int64_t block = 0; block < blocks; ++block) {
    const float expected = static_cast<float>(count * (2 * block * count + count - 1) / 2);
    EXPECT_EQ(on_host(sums)[static_cast<size_t>(block)], expected);
  }
}

TEST_F(Emulation, WarpsReverseThroughDynamicMemory) {
  std::vector<float> values(64);
  std::iota(values.begin(), values.end(), 0.0f);
  const Buffer buffer = on_device(values);
  launch(reverse_kernel, dim3(1), dim3(64), 2 * kWarpSize * sizeof(float), stream_,
         static_cast<float*>(buffer.data()));
  const std::vector<float> reversed = on_host(buffer);
  for (size_t i = 0; i < 64; ++i) EXPECT_EQ(reversed[i], static_cast<float>(i / 32 * 32 + 31 - i % 32));
}

TEST_F(Emulation, FragmentsMultiply) {
  std::vector<bf16> a(16 * 16), b(8 * 16);
  for (size_t i = 0; i < a.size(); ++i) a[i] = __float2bfloat16(static_cast<float>(i % 23) - 11.0f);
  for (size_t i = 0; i < b.size(); ++i) b[i] = __float2bfloat16(static_cast<float>(i % 7) - 3.0f);
  const Buffer device_a = on_device(a), device_b = on_device(b), c = on_device(std::vector<float>(16 * 8));
  launch(multiply_kernel, dim3(1), dim3(32), 0, stream_, static_cast<float*>(c.data()),
         static_cast<const bf16*>(device_a.data()), static_cast<const bf16*>(device_b.data()));
  const std::vector<float> product = on_host(c);
  for (size_t row = 0; row < 16; ++row) {
    for (size_t column = 0; column < 8; ++column) {
      float expected = 0.0f;  // small integers: exact
      for (size_t k = 0; k < 16; ++k)
        expected += __bfloat162float(a[row * 16 + k]) * __bfloat162float(b[column * 16 + k]);
      EXPECT_EQ(product[row * 8 + column], expected) << row << ", " << column;
    }
  }
}

TEST_F(Emulation, ADivergentBarrierIsReported) {
  EXPECT_DEATH(
      {
        launch(diverging_kernel, dim3(1), dim3(32), 0, stream_);
        stream_.wait();
      },
      "__syncthreads at .*emulation_test.cpp:[0-9]+: 16 of 32 threads have already exited");
}

TEST_F(Emulation, NeighboursMeetAtABarrierAndBlocksAddAtomically) {
  std::vector<float> values(64);
  std::iota(values.begin(), values.end(), 0.0f);
  const Buffer buffer = on_device(values), sum = on_device(std::vector<float>(1));
  launch(neighbour_kernel<Barrier::there>, dim3(1), dim3(64), 0, stream_, static_cast<float*>(buffer.data()));
  launch(count_blocks_kernel<Add::atomic>, dim3(7), dim3(1), 0, stream_, static_cast<float*>(sum.data()));
  const std::vector<float> found = on_host(buffer);
  for (size_t i = 0; i < 64; ++i) EXPECT_EQ(found[i], static_cast<float>((i + 1) % 64));
  EXPECT_EQ(on_host(sum).front(), 7.0f);
}

#ifdef __SANITIZE_THREAD__
// The same kernels without barrier and without atomic: the race detector must find them, in any order. Its
// exit code is 66.
TEST_F(Emulation, TheRaceDetectorSeesAMissingBarrier) {
  const Buffer buffer = on_device(std::vector<float>(64));
  EXPECT_EXIT(
      {
        launch(neighbour_kernel<Barrier::missing>, dim3(1), dim3(64), 0, stream_,
               static_cast<float*>(buffer.data()));
        stream_.wait();
        std::exit(0);
      },
      testing::ExitedWithCode(66), "data race.*neighbour_kernel");
}

TEST_F(Emulation, TheRaceDetectorSeesBlocksThatAddPlainly) {
  const Buffer sum = on_device(std::vector<float>(1));
  EXPECT_EXIT(
      {
        launch(count_blocks_kernel<Add::plain>, dim3(2), dim3(1), 0, stream_,
               static_cast<float*>(sum.data()));
        stream_.wait();
        std::exit(0);
      },
      testing::ExitedWithCode(66), "data race.*count_blocks_kernel");
}
#endif

TEST_F(Emulation, AWrongLaunchIsAnErrorWithItsPlace) {
  try {
    launch(diverging_kernel, dim3(1), dim3(2048), 0, stream_);
    FAIL() << "a block of 2048 threads was launched";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::internal);
    EXPECT_NE(std::string(error.what()).find("emulation_test.cpp"), std::string::npos) << error.what();
  }
}

TEST_F(Emulation, StagedArraysStayForTheirOperation) {
  Staging staging(stream_);
  const std::vector<int32_t> numbers(100'000, 7);
  std::vector<float> wanted(1, 7.0f);
  for (int turn = 0; turn < 40; ++turn) {
    std::vector<int32_t> mine = numbers;
    mine.back() = turn;
    const auto bytes = static_cast<int64_t>(mine.size() * sizeof(int32_t));
    const void* first = staging.send(mine.data(), bytes);
    const void* second = staging.send(numbers.data(), bytes);
    std::vector<int32_t> seen(mine.size()), other(mine.size());
    std::fill(mine.begin(), mine.end(), -1);  // the caller may change its memory at once
    check_cuda(cudaMemcpyAsync(seen.data(), first, seen.size() * 4, cudaMemcpyDeviceToHost, stream_.now()));
    check_cuda(
        cudaMemcpyAsync(other.data(), second, other.size() * 4, cudaMemcpyDeviceToHost, stream_.now()));
    stream_.wait();
    EXPECT_EQ(seen.front(), 7);
    EXPECT_EQ(seen.back(), turn);
    EXPECT_EQ(other, numbers);
  }
  EXPECT_GT(staging.turns(), 2);
}

}  // namespace
}  // namespace limner::test
