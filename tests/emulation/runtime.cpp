// The CUDA runtime on host memory. A stream is a queue of closures that runs as late as the program allows,
// in a drawn interleaving of streams: a missing wait then shows as wrong values.
#include "tests/emulation/runtime.h"

#include <sched.h>

#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "tests/emulation/block.h"

namespace {

using Clock = std::chrono::steady_clock;

struct EventState {
  bool done = false;
  Clock::time_point when;
};

struct Work {
  std::function<bool()> run;  // false: not done yet, call again
  std::shared_ptr<EventState> waits_for, records;
};

}  // namespace

struct CUstream_st {
  std::deque<Work> queue;
  bool with_default = true;  // ordered with the default stream
};
struct CUevent_st {
  std::shared_ptr<EventState> state;
};

namespace {

struct Runtime {
  std::recursive_mutex mutex;
  CUstream_st default_stream;
  std::vector<CUstream_st*> streams{&default_stream};
  std::map<const void*, int> most_dynamic_bytes;  // by kernel
  cudaError_t last_error = cudaSuccess;
  emulation::Draws draws{emulation::options().seed};
  int64_t launches = 0;
};
Runtime& runtime() {
  static auto* one = new Runtime;  // outlives every owner of device memory
  return *one;
}

bool can_run(const CUstream_st& stream) {
  if (stream.queue.empty()) return false;
  const auto& waits_for = stream.queue.front().waits_for;
  return waits_for == nullptr || waits_for->done;
}

void run_first(CUstream_st& stream) {
  const Work& first = stream.queue.front();
  if (first.run) {
    emulation::guard_device_memory(false);
    const bool done = first.run();
    emulation::guard_device_memory(true);
    if (!done) {
      sched_yield();
      return;
    }
  }
  if (first.records != nullptr) *first.records = {true, Clock::now()};
  stream.queue.pop_front();
}

std::vector<CUstream_st*> able_streams() {
  std::vector<CUstream_st*> able;
  for (CUstream_st* stream : runtime().streams) {
    if (can_run(*stream)) able.push_back(stream);
  }
  return able;
}

// Something moves at each look at a stream or event, so that a program that polls comes to an end.
void move_on() {
  const std::vector<CUstream_st*> able = able_streams();
  if (!able.empty()) run_first(*able[runtime().draws.below(able.size())]);
}

template <class Done>
void run_until(Done done) {
  Runtime& mine = runtime();
  while (!done()) {
    const std::vector<CUstream_st*> able = able_streams();
    if (able.empty()) emulation::fail("streams wait for events that nobody records");
    run_first(*able[mine.draws.below(able.size())]);
  }
}

CUstream_st& stream_of(cudaStream_t stream) { return stream == nullptr ? runtime().default_stream : *stream; }

void push(cudaStream_t to, Work work) {
  Runtime& mine = runtime();
  const std::lock_guard lock(mine.mutex);
  CUstream_st& stream = stream_of(to);
  CUstream_st& plain = mine.default_stream;
  if (&stream == &plain) {
    run_until([&] {
      for (const CUstream_st* other : mine.streams) {
        if (other->with_default && !other->queue.empty()) return false;
      }
      return true;
    });
  } else if (stream.with_default) {
    run_until([&] { return plain.queue.empty(); });
  }
  stream.queue.push_back(std::move(work));
  if (!emulation::options().lazy_streams) run_until([&] { return stream.queue.empty(); });
}

bool allowed(const dim3& grid, const dim3& block) {
  const uint64_t threads = uint64_t{block.x} * block.y * block.z;
  return threads > 0 && threads <= emulation::kMostThreads && block.z <= 64 && grid.x > 0 && grid.y > 0 &&
         grid.z > 0 && grid.x <= 0x7fffffffu && grid.y <= 65535 && grid.z <= 65535;
}

cudaError_t check_launch(const void* kernel, const dim3& grid, const dim3& block, size_t dynamic_bytes) {
  constexpr int kPlainDynamicBytes = 48 << 10;
  const auto most = runtime().most_dynamic_bytes.find(kernel);
  const int most_bytes = most == runtime().most_dynamic_bytes.end() ? kPlainDynamicBytes : most->second;
  if (!allowed(grid, block)) return cudaErrorInvalidConfiguration;
  return dynamic_bytes > static_cast<size_t>(most_bytes) ? cudaErrorInvalidValue : cudaSuccess;
}

emulation::Task kernel_task(const void* kernel, const emulation::Grid& grid,
                            const emulation::KernelCall& call) {
  const std::shared_ptr<void> arguments(call.arguments, call.destroy);
  const auto change = [call](emulation::Task& task, const cudaKernelNodeParams& wanted) {
    const std::lock_guard lock(runtime().mutex);
    const cudaError_t error =
        wanted.func != task.kernel
            ? cudaErrorInvalidValue
            : check_launch(task.kernel, wanted.gridDim, wanted.blockDim, wanted.sharedMemBytes);
    if (error != cudaSuccess) return error;
    emulation::KernelCall other = call;
    other.arguments = call.make(task.kernel, wanted.kernelParams);
    task = kernel_task(task.kernel, {wanted.gridDim, wanted.blockDim, wanted.sharedMemBytes}, other);
    return cudaSuccess;
  };
  return {[grid, arguments, run = call.run] { run_grid(grid, run, arguments.get()); }, kernel, change};
}

}  // namespace

namespace emulation {

cudaError_t remember(cudaError_t error) {
  if (error != cudaSuccess) runtime().last_error = error;
  return error;
}

cudaError_t enqueue(cudaStream_t stream, Task task) {
  if (is_captured(stream)) return remember(capture(stream, std::move(task)));
  push(stream, {[run = std::move(task.run)] {
                  run();
                  return true;
                },
                nullptr, nullptr});
  return cudaSuccess;
}
void enqueue_until(cudaStream_t stream, std::function<bool()> is_done) {
  if (is_captured(stream)) fail("NCCL is not emulated under capture");
  push(stream, {std::move(is_done), nullptr, nullptr});
}

bool launch_fails() {
  const std::lock_guard lock(runtime().mutex);
  return ++runtime().launches == options().failing_launch;
}

bool is_ordered_with_default(cudaStream_t stream) { return stream_of(stream).with_default; }

cudaError_t enqueue_kernel(const cudaLaunchConfig_t& config, const void* kernel, KernelCall call) {
  Task task = kernel_task(kernel, {config.gridDim, config.blockDim, config.dynamicSmemBytes}, call);
  const std::lock_guard lock(runtime().mutex);
  const cudaError_t error = check_launch(kernel, config.gridDim, config.blockDim, config.dynamicSmemBytes);
  if (error != cudaSuccess) return remember(error);
  if (launch_fails()) return remember(cudaErrorLaunchFailure);
  return enqueue(config.stream, std::move(task));
}

}  // namespace emulation

extern "C" {

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  const std::lock_guard lock(runtime().mutex);
  *stream = new CUstream_st;
  (*stream)->with_default = (flags & cudaStreamNonBlocking) == 0;
  runtime().streams.push_back(*stream);
  return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  if (const cudaError_t refused = emulation::refused_by_capture()) return emulation::remember(refused);
  const std::lock_guard lock(runtime().mutex);
  run_until([&] { return stream_of(stream).queue.empty(); });
  return cudaSuccess;
}
cudaError_t cudaStreamQuery(cudaStream_t stream) {
  if (const cudaError_t refused = emulation::refused_by_capture()) return emulation::remember(refused);
  const std::lock_guard lock(runtime().mutex);
  if (!stream_of(stream).queue.empty()) move_on();
  return stream_of(stream).queue.empty() ? cudaSuccess : cudaErrorNotReady;
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  if (const cudaError_t refused = cudaStreamSynchronize(stream)) return refused;
  const std::lock_guard lock(runtime().mutex);
  std::erase(runtime().streams, stream);
  delete stream;
  return cudaSuccess;
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  if (emulation::is_captured(stream)) emulation::fail("events are not emulated under capture");
  if (event->state != nullptr) push(stream, {nullptr, event->state, nullptr});
  return cudaSuccess;
}
cudaError_t cudaDeviceSynchronize() {
  if (const cudaError_t refused = emulation::refused_by_capture()) return emulation::remember(refused);
  const std::lock_guard lock(runtime().mutex);
  run_until([] {
    for (const CUstream_st* stream : runtime().streams) {
      if (!stream->queue.empty()) return false;
    }
    return true;
  });
  return cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  *event = new CUevent_st;
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  if (emulation::is_captured(stream)) emulation::fail("events are not emulated under capture");
  event->state = std::make_shared<EventState>();
  push(stream, {nullptr, nullptr, event->state});
  return cudaSuccess;
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  if (const cudaError_t refused = emulation::refused_by_capture()) return emulation::remember(refused);
  const std::lock_guard lock(runtime().mutex);
  run_until([&] { return event->state == nullptr || event->state->done; });
  return cudaSuccess;
}
cudaError_t cudaEventQuery(cudaEvent_t event) {
  if (const cudaError_t refused = emulation::refused_by_capture()) return emulation::remember(refused);
  const std::lock_guard lock(runtime().mutex);
  if (event->state != nullptr && !event->state->done) move_on();
  return event->state == nullptr || event->state->done ? cudaSuccess : cudaErrorNotReady;
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  return cudaSuccess;
}

cudaError_t cudaGetLastError() {
  const cudaError_t error = runtime().last_error;
  runtime().last_error = cudaSuccess;
  return error;
}
cudaError_t cudaFuncSetAttribute(const void* kernel, cudaFuncAttribute attribute, int value) {
  constexpr int kMostDynamicBytes = 99 << 10;  // compute capability 8.6, which has least
  if (attribute == cudaFuncAttributeMaxDynamicSharedMemorySize) {
    if (value > kMostDynamicBytes) return emulation::remember(cudaErrorInvalidValue);
    const std::lock_guard lock(runtime().mutex);
    runtime().most_dynamic_bytes[kernel] = value;
  }
  return cudaSuccess;
}
}
