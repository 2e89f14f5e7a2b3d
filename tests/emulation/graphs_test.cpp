// The emulated CUDA graphs, which are as strict as CUDA's, and the stream that makes graphs of what it is
// given.
#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "kernels/cuda/gpu.h"
#include "kernels/cuda/memory.h"
#include "kernels/cuda/staging.h"
#include "runtime/error.h"
#include "tests/emulation/runtime.h"

namespace limner::test {
namespace {

// to[i] = from[i] * factor + to[i]
__global__ void add_scaled_kernel(float* to, const float* from, int64_t count, float factor) {
  const int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (i < count) to[i] += from[i] * factor;
}
__global__ void add_number_kernel(float* to, const int32_t* from) {
  if (threadIdx.x == 0) *to += static_cast<float>(*from);
}

Buffer numbers_on_device(int64_t count, float value) {
  const std::vector<float> values(static_cast<size_t>(count), value);
  Buffer buffer = allocate_device(count * static_cast<int64_t>(sizeof(float)));
  check_cuda(cudaMemcpy(buffer.data(), values.data(), values.size() * sizeof(float), cudaMemcpyHostToDevice));
  return buffer;
}

std::vector<float> on_host(const Buffer& buffer) {
  check_cuda(cudaDeviceSynchronize());
  std::vector<float> values(static_cast<size_t>(buffer.bytes()) / sizeof(float));
  check_cuda(cudaMemcpy(values.data(), buffer.data(), values.size() * sizeof(float), cudaMemcpyDeviceToHost));
  return values;
}

float* data(const Buffer& buffer) { return static_cast<float*>(buffer.data()); }

// --- The emulation.

class Capture : public testing::Test {
 protected:
  void SetUp() override { check_cuda(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking)); }
  void TearDown() override { check_cuda(cudaStreamDestroy(stream_)); }
  void begin() { check_cuda(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeThreadLocal)); }
  // The call is refused with the error, and the capture with it.
  template <class Call>
  void expect_refused(cudaError_t error, Call call) {
    begin();
    EXPECT_EQ(call(), error);
    EXPECT_EQ(cudaMemsetAsync(memory_.data(), 0, 4, stream_), cudaErrorStreamCaptureInvalidated);
    cudaGraph_t graph = nullptr;
    EXPECT_EQ(cudaStreamEndCapture(stream_, &graph), cudaErrorStreamCaptureInvalidated);
    EXPECT_EQ(graph, nullptr);
    EXPECT_EQ(cudaStreamSynchronize(stream_), cudaSuccess) << "the stream is as before";
    static_cast<void>(cudaGetLastError());
  }
  cudaStream_t stream_ = nullptr;
  const Buffer memory_ = numbers_on_device(8, 0.0f);
};

TEST_F(Capture, RefusesWhatCudaForbids) {
  const cudaError_t unsupported = cudaErrorStreamCaptureUnsupported;
  void* memory = nullptr;
  cudaEvent_t event = nullptr;
  check_cuda(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
  std::vector<float> pageable(8);
  expect_refused(unsupported, [&] { return cudaMalloc(&memory, 64); });
  expect_refused(unsupported, [&] { return cudaMallocHost(&memory, 64); });
  expect_refused(unsupported, [&] { return cudaFree(memory_.data()); });
  expect_refused(unsupported, [&] { return cudaStreamSynchronize(stream_); });
  expect_refused(unsupported, [&] { return cudaStreamQuery(stream_); });
  expect_refused(unsupported, [] { return cudaDeviceSynchronize(); });
  expect_refused(unsupported, [&] { return cudaEventSynchronize(event); });
  expect_refused(unsupported, [&] { return cudaEventQuery(event); });
  expect_refused(unsupported,
                 [&] { return cudaMemcpy(memory_.data(), pageable.data(), 4, cudaMemcpyHostToDevice); });
  expect_refused(unsupported, [&] {
    return cudaMemcpyAsync(memory_.data(), pageable.data(), 4, cudaMemcpyHostToDevice, stream_);
  });
  expect_refused(unsupported, [&] {
    return cudaMemcpyAsync(pageable.data(), memory_.data(), 4, cudaMemcpyDeviceToHost, stream_);
  });
  check_cuda(cudaEventDestroy(event));
}

TEST_F(Capture, RefusesTheDefaultStreamBesideABlockingOne) {
  cudaStream_t blocking = nullptr;
  check_cuda(cudaStreamCreateWithFlags(&blocking, cudaStreamDefault));
  check_cuda(cudaStreamBeginCapture(blocking, cudaStreamCaptureModeThreadLocal));
  EXPECT_EQ(cudaMemsetAsync(memory_.data(), 0, 4, nullptr), cudaErrorStreamCaptureImplicit);
  cudaGraph_t graph = nullptr;
  EXPECT_EQ(cudaStreamEndCapture(blocking, &graph), cudaErrorStreamCaptureInvalidated);
  check_cuda(cudaStreamDestroy(blocking));
  EXPECT_EQ(cudaStreamBeginCapture(nullptr, cudaStreamCaptureModeThreadLocal),
            cudaErrorStreamCaptureUnsupported);
  EXPECT_EQ(cudaStreamEndCapture(stream_, &graph), cudaErrorIllegalState);
  begin();
  EXPECT_EQ(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeThreadLocal), cudaErrorIllegalState);
  EXPECT_EQ(cudaStreamEndCapture(stream_, &graph), cudaSuccess);
  check_cuda(cudaGraphDestroy(graph));
  static_cast<void>(cudaGetLastError());
}

TEST_F(Capture, KeepsTheParametersOfItsMomentUntilTheyAreSet) {
  const Buffer from = numbers_on_device(8, 1.0f);
  float* to = data(memory_);
  const float* source = data(from);
  int64_t count = 8;
  float factor = 2.0f;
  cudaLaunchConfig_t config{};
  config.gridDim = config.blockDim = dim3(8);
  config.stream = stream_;
  begin();
  check_cuda(cudaLaunchKernelEx(&config, add_scaled_kernel, to, source, count, factor));
  cudaStreamCaptureStatus status{};
  const cudaGraphNode_t* last = nullptr;
  size_t nodes = 0;
  check_cuda(cudaStreamGetCaptureInfo(stream_, &status, nullptr, nullptr, &last, nullptr, &nodes));
  ASSERT_EQ(nodes, 1U);
  const cudaGraphNode_t node = *last;
  cudaGraph_t graph = nullptr;
  check_cuda(cudaStreamEndCapture(stream_, &graph));
  cudaGraphExec_t executable = nullptr;
  check_cuda(cudaGraphInstantiate(&executable, graph, 0));
  factor = 3.0f;
  EXPECT_EQ(on_host(memory_).front(), 0.0f) << "a captured kernel has run";
  check_cuda(cudaGraphLaunch(executable, stream_));
  // Before the launch has run: it has parameters of its own.
  void* arguments[] = {&to, &source, &count, &factor};
  cudaKernelNodeParams parameters{};
  parameters.func = reinterpret_cast<void*>(add_scaled_kernel);
  parameters.gridDim = dim3(1);
  parameters.blockDim = dim3(4);
  parameters.kernelParams = arguments;
  check_cuda(cudaGraphExecKernelNodeSetParams(executable, node, &parameters));
  EXPECT_EQ(on_host(memory_), std::vector<float>(8, 2.0f));
  check_cuda(cudaGraphLaunch(executable, stream_));
  EXPECT_EQ(on_host(memory_), (std::vector<float>{5, 5, 5, 5, 2, 2, 2, 2}));
  parameters.func = reinterpret_cast<void*>(add_number_kernel);
  EXPECT_EQ(cudaGraphExecKernelNodeSetParams(executable, node, &parameters), cudaErrorInvalidValue);
  check_cuda(cudaGraphExecDestroy(executable));
  check_cuda(cudaGraphDestroy(graph));
}

// --- The stream.

class GatheringStream : public testing::Test {
 protected:
  void add(float factor, int64_t count = 8) {
    launch(add_scaled_kernel, dim3(blocks_for(count, 4)), dim3(4), 0, stream_, data(to_),
           static_cast<const float*>(data(from_)), count, factor);
  }
  template <class Work>
  void gathered(Work work) {
    stream_.gather();
    work();
    stream_.submit();
  }
  GpuStream stream_;
  const Buffer from_ = numbers_on_device(8, 1.0f), to_ = numbers_on_device(8, 0.0f);
};

TEST_F(GatheringStream, ReplaysWithTheArgumentsOfEachTime) {
  std::vector<float> expected(8, 0.0f);
  for (int time = 0; time < 6; ++time) {
    const int64_t count = 3 + time % 3;
    gathered([&] {
      stream_.set_zero(data(to_) + 7, sizeof(float));
      add(static_cast<float>(time), count);
      add(0.5f);
    });
    for (size_t i = 0; i < 8; ++i) {
      if (i == 7) expected[i] = 0.0f;
      if (static_cast<int64_t>(i) < count) expected[i] += static_cast<float>(time);
      expected[i] += 0.5f;
    }
  }
  EXPECT_EQ(on_host(to_), expected);
  EXPECT_EQ(stream_.use().pieces, 6);
  EXPECT_EQ(stream_.use().replayed, 4) << "first the calls themselves, then a graph is made";
}

TEST_F(GatheringStream, AnotherStructureIsAnotherGraph) {
  for (int time = 0; time < 4; ++time) {
    for (const int64_t zeros : {2, 3}) {  // what is set to zero, or copied, belongs to the structure
      gathered([&] {
        add(1.0f);
        stream_.set_zero(to_.data(), zeros * static_cast<int64_t>(sizeof(float)));
        stream_.copy(data(to_) + 4, data(to_) + zeros, sizeof(float));
        if (time % 2 == 1) add(2.0f);
      });
      const std::vector<float> found = on_host(to_);
      const float more = time % 2 == 1 ? 2.0f : 0.0f;
      for (int64_t i = 0; i < zeros; ++i) EXPECT_EQ(found[static_cast<size_t>(i)], more);
      EXPECT_EQ(found[4], found[static_cast<size_t>(zeros)]);
    }
  }
  EXPECT_EQ(stream_.use().pieces, 8);
  EXPECT_EQ(stream_.use().replayed, 0) << "four structures, each twice";
}

TEST_F(GatheringStream, WhatWaitsSeesWhatWasGatheredBefore) {
  gathered([&] {
    add(1.0f);
    stream_.wait();
    EXPECT_EQ(on_host(to_).front(), 1.0f);
    add(1.0f);
    EXPECT_EQ(on_host(to_).front(), 1.0f) << "gathered, not done";
  });
  EXPECT_EQ(on_host(to_).front(), 2.0f);
  add(1.0f);  // no longer gathered
  EXPECT_EQ(on_host(to_).front(), 3.0f);
}

// More than both halves of the staging memory hold, so that gathered kernels must not be overtaken.
TEST_F(GatheringStream, StagedArraysStayForGatheredWork) {
  Staging staging(stream_);
  std::vector<int32_t> values(20'000, 0);
  float expected = 0.0f;
  for (int time = 0; time < 3; ++time) {
    gathered([&] {
      for (int i = 1; i <= 60; ++i) {
        values.front() = i;
        expected += static_cast<float>(i);
        const auto* sent = static_cast<const int32_t*>(
            staging.send(values.data(), static_cast<int64_t>(values.size() * sizeof(int32_t))));
        launch(add_number_kernel, dim3(1), dim3(1), 0, stream_, data(to_), sent);
      }
    });
  }
  EXPECT_GT(staging.turns(), 6);
  EXPECT_EQ(on_host(to_).front(), expected);
}

// A call that fails only under capture: the error is the caller's, the stream is as before and no part runs.
struct Waits {
  GpuStream* stream;
  void make(cudaStream_t on) const { check_cuda(cudaStreamSynchronize(on)); }
};

TEST_F(GatheringStream, AnErrorUnderCaptureEndsIt) {
  const auto piece = [&] {
    add(1.0f);
    stream_.call(Waits{&stream_});
  };
  gathered(piece);
  EXPECT_EQ(on_host(to_).front(), 1.0f);
  try {
    gathered(piece);
    FAIL() << "a wait was captured";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::internal);
    EXPECT_NE(std::string(error.what()).find("operation not permitted when stream is capturing"),
              std::string::npos)
        << error.what();
  }
  EXPECT_FALSE(stream_.gathers());
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);
  EXPECT_EQ(on_host(to_).front(), 1.0f);
  for (int time = 0; time < 3; ++time) gathered([&] { add(1.0f); });
  EXPECT_EQ(on_host(to_).front(), 4.0f);
  EXPECT_EQ(stream_.use().replayed, 1);
}

TEST_F(GatheringStream, AWrongLaunchIsAnErrorWithItsPlace) {
  try {
    gathered([&] {
      launch(add_scaled_kernel, dim3(1), dim3(2048), 0, stream_, data(to_),
             static_cast<const float*>(data(from_)), int64_t{8}, 1.0f);
    });
    FAIL() << "a block of 2048 threads was launched";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("graphs_test.cpp"), std::string::npos) << error.what();
  }
  gathered([&] { add(1.0f); });
  EXPECT_EQ(on_host(to_).front(), 1.0f);
}

TEST_F(GatheringStream, WithoutMemoryForAGraphItSaysSo) {
  gathered([&] { add(1.0f); });
  size_t free = 0, all = 0;
  check_cuda(cudaMemGetInfo(&free, &all));
  ASSERT_TRUE(emulation::take_device_memory(free));
  EXPECT_THROW(gathered([&] { add(1.0f); }), OutOfMemory);
  emulation::give_device_memory_back(free);
  EXPECT_EQ(on_host(to_).front(), 1.0f);
  gathered([&] { add(1.0f); });
  gathered([&] { add(1.0f); });
  EXPECT_EQ(on_host(to_).front(), 3.0f);
}

TEST_F(GatheringStream, WhatIsDroppedIsNeverDone) {
  stream_.gather();
  add(1.0f);
  stream_.drop();
  gathered([&] { add(2.0f); });
  EXPECT_EQ(on_host(to_).front(), 2.0f);
}

// Graphs that have not come for long are forgotten; they come again as new ones.
TEST_F(GatheringStream, ForgetsTheOldest) {
  for (int time = 0; time < 2; ++time) {
    for (int64_t adds = 1; adds <= 300; ++adds) {
      gathered([&] {
        for (int64_t i = 0; i < adds % 300; ++i) stream_.set_zero(to_.data(), sizeof(float));
        add(1.0f);
      });
    }
  }
  EXPECT_EQ(stream_.use().replayed, 0);
  EXPECT_EQ(on_host(to_)[1], 600.0f);
}

}  // namespace
}  // namespace limner::test
