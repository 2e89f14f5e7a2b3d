// The CUDA runtime on host memory. A stream is a queue of closures that runs as late as the program allows,
// in a drawn interleaving of streams: a missing wait then shows as wrong values.
#include "tests/emulation/runtime.h"

#include <sched.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "tests/emulation/block.h"
#include "tests/emulation/sanitizers.h"

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
  std::map<uintptr_t, size_t> device_memory;
  std::map<const void*, int> most_dynamic_bytes;  // by kernel
  cudaError_t last_error = cudaSuccess;
  emulation::Draws draws{emulation::options().seed};
  bool guard = emulation::options().guard && __asan_poison_memory_region != nullptr;
  size_t used_bytes = 0;
  int64_t launches = 0;
};
Runtime& runtime() {
  static auto* one = new Runtime;  // outlives every owner of device memory
  return *one;
}

cudaError_t remember(cudaError_t error) {
  if (error != cudaSuccess) runtime().last_error = error;
  return error;
}

void guard_device_memory(bool on) {
  if (!runtime().guard) return;
  for (const auto& [address, bytes] : runtime().device_memory) {
    const auto* memory = reinterpret_cast<const void*>(address);
    on ? emulation::poison(memory, bytes) : emulation::unpoison(memory, bytes);
  }
}

bool can_run(const CUstream_st& stream) {
  if (stream.queue.empty()) return false;
  const auto& waits_for = stream.queue.front().waits_for;
  return waits_for == nullptr || waits_for->done;
}

void run_first(CUstream_st& stream) {
  const Work& first = stream.queue.front();
  if (first.run) {
    guard_device_memory(false);
    const bool done = first.run();
    guard_device_memory(true);
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

void check_copy(const void* to, const void* from, cudaMemcpyKind kind) {
  const bool to_device = emulation::is_device_memory(to), from_device = emulation::is_device_memory(from);
  const bool fits = kind == cudaMemcpyDefault ||
                    (kind == cudaMemcpyHostToDevice && to_device && !from_device) ||
                    (kind == cudaMemcpyDeviceToHost && !to_device && from_device) ||
                    (kind == cudaMemcpyDeviceToDevice && to_device && from_device) ||
                    (kind == cudaMemcpyHostToHost && !to_device && !from_device);
  if (!fits) emulation::fail("a copy of kind %d does not fit %p <- %p", static_cast<int>(kind), to, from);
}

bool allowed(const cudaLaunchConfig_t& config) {
  const dim3 block = config.blockDim, grid = config.gridDim;
  const uint64_t threads = uint64_t{block.x} * block.y * block.z;
  return threads > 0 && threads <= emulation::kMostThreads && block.z <= 64 && grid.x > 0 && grid.y > 0 &&
         grid.z > 0 && grid.x <= 0x7fffffffu && grid.y <= 65535 && grid.z <= 65535;
}

}  // namespace

namespace emulation {

bool is_device_memory(const void* pointer) {
  const std::lock_guard lock(runtime().mutex);
  const auto& all = runtime().device_memory;
  const auto address = reinterpret_cast<uintptr_t>(pointer);
  auto next = all.upper_bound(address);
  if (next == all.begin()) return false;
  --next;
  return address < next->first + next->second;
}

void enqueue(cudaStream_t stream, std::function<void()> work) {
  push(stream, {[work = std::move(work)] {
                  work();
                  return true;
                },
                nullptr, nullptr});
}
void enqueue_until(cudaStream_t stream, std::function<bool()> is_done) {
  push(stream, {std::move(is_done), nullptr, nullptr});
}

cudaError_t enqueue_kernel(const cudaLaunchConfig_t& config, const void* kernel, KernelCall call) {
  constexpr int kPlainDynamicBytes = 48 << 10;
  const std::shared_ptr<void> arguments(call.arguments, call.destroy);
  const std::lock_guard lock(runtime().mutex);
  const auto most = runtime().most_dynamic_bytes.find(kernel);
  const int most_bytes = most == runtime().most_dynamic_bytes.end() ? kPlainDynamicBytes : most->second;
  if (!allowed(config)) return remember(cudaErrorInvalidConfiguration);
  if (++runtime().launches == options().failing_launch) return remember(cudaErrorLaunchFailure);
  if (config.dynamicSmemBytes > static_cast<size_t>(most_bytes)) return remember(cudaErrorInvalidValue);
  const Grid grid{config.gridDim, config.blockDim, config.dynamicSmemBytes};
  enqueue(config.stream, [grid, arguments, run = call.run] { run_grid(grid, run, arguments.get()); });
  return cudaSuccess;
}

}  // namespace emulation

extern "C" {

cudaError_t cudaMalloc(void** memory, size_t bytes) {
  const std::lock_guard lock(runtime().mutex);
  *memory = nullptr;
  if (bytes == 0) return cudaSuccess;
  if (bytes > emulation::options().memory_bytes - runtime().used_bytes) {
    return remember(cudaErrorMemoryAllocation);
  }
  // The exact size: what AddressSanitizer watches begins at the last byte.
  if (posix_memalign(memory, 256, bytes) != 0) return remember(cudaErrorMemoryAllocation);
  runtime().used_bytes += bytes;
  std::memset(*memory, 0xff, bytes);
  runtime().device_memory[reinterpret_cast<uintptr_t>(*memory)] = bytes;
  if (runtime().guard) emulation::poison(*memory, bytes);
  return cudaSuccess;
}

cudaError_t cudaFree(void* memory) {
  if (memory == nullptr) return cudaSuccess;
  cudaDeviceSynchronize();
  const std::lock_guard lock(runtime().mutex);
  const auto found = runtime().device_memory.find(reinterpret_cast<uintptr_t>(memory));
  if (found == runtime().device_memory.end()) emulation::fail("cudaFree(%p): not an allocation", memory);
  if (runtime().guard) emulation::unpoison(memory, found->second);
  runtime().used_bytes -= found->second;
  runtime().device_memory.erase(found);
  std::free(memory);
  return cudaSuccess;
}

cudaError_t cudaMemGetInfo(size_t* free_bytes, size_t* total_bytes) {
  const std::lock_guard lock(runtime().mutex);
  *total_bytes = emulation::options().memory_bytes;
  *free_bytes = *total_bytes - runtime().used_bytes;
  return cudaSuccess;
}

cudaError_t cudaMallocHost(void** memory, size_t bytes) {
  return posix_memalign(memory, 256, bytes == 0 ? 1 : bytes) == 0 ? cudaSuccess
                                                                  : remember(cudaErrorMemoryAllocation);
}
cudaError_t cudaFreeHost(void* memory) {
  cudaDeviceSynchronize();  // a queued copy may still name it
  std::free(memory);
  return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  if (bytes == 0) return cudaSuccess;
  check_copy(to, from, kind);
  emulation::enqueue(stream, [=] { std::memcpy(to, from, bytes); });
  return cudaSuccess;
}
cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind kind) {
  cudaMemcpyAsync(to, from, bytes, kind, nullptr);
  return cudaStreamSynchronize(nullptr);
}
cudaError_t cudaMemsetAsync(void* memory, int value, size_t bytes, cudaStream_t stream) {
  if (bytes > 0 && !emulation::is_device_memory(memory)) {
    emulation::fail("cudaMemset: %p is not device memory", memory);
  }
  emulation::enqueue(stream, [=] { std::memset(memory, value, bytes); });
  return cudaSuccess;
}
cudaError_t cudaMemset(void* memory, int value, size_t bytes) {
  return cudaMemsetAsync(memory, value, bytes, nullptr);
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  const std::lock_guard lock(runtime().mutex);
  *stream = new CUstream_st;
  (*stream)->with_default = (flags & cudaStreamNonBlocking) == 0;
  runtime().streams.push_back(*stream);
  return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  const std::lock_guard lock(runtime().mutex);
  run_until([&] { return stream_of(stream).queue.empty(); });
  return cudaSuccess;
}
cudaError_t cudaStreamQuery(cudaStream_t stream) {
  const std::lock_guard lock(runtime().mutex);
  if (!stream_of(stream).queue.empty()) move_on();
  return stream_of(stream).queue.empty() ? cudaSuccess : cudaErrorNotReady;
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  cudaStreamSynchronize(stream);
  const std::lock_guard lock(runtime().mutex);
  std::erase(runtime().streams, stream);
  delete stream;
  return cudaSuccess;
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  if (event->state != nullptr) push(stream, {nullptr, event->state, nullptr});
  return cudaSuccess;
}
cudaError_t cudaDeviceSynchronize() {
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
  event->state = std::make_shared<EventState>();
  push(stream, {nullptr, nullptr, event->state});
  return cudaSuccess;
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  const std::lock_guard lock(runtime().mutex);
  run_until([&] { return event->state == nullptr || event->state->done; });
  return cudaSuccess;
}
cudaError_t cudaEventQuery(cudaEvent_t event) {
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
const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "no error";
    case cudaErrorMemoryAllocation:
      return "out of memory";
    case cudaErrorLaunchFailure:
      return "unspecified launch failure";
    case cudaErrorInvalidConfiguration:
      return "invalid configuration argument";
    default:
      return "invalid argument";
  }
}

// As many devices as ranks of a host may want, all of them this process's memory.
cudaError_t cudaGetDeviceCount(int* count) {
  const char* wanted = std::getenv("LIMNER_EMULATION_DEVICES");
  *count = wanted == nullptr ? 1 : std::atoi(wanted);
  return *count > 0 ? cudaSuccess : remember(cudaErrorNoDevice);
}
cudaError_t cudaSetDevice(int device) {
  int count = 0;
  cudaGetDeviceCount(&count);
  return device >= 0 && device < count ? cudaSuccess : remember(cudaErrorInvalidDevice);
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  *properties = {};
  std::strcpy(properties->name, "emulation on the CPU");
  properties->uuid.bytes[0] = static_cast<char>(device);
  properties->major = 8;
  properties->totalGlobalMem = emulation::options().memory_bytes;
  return cudaSuccess;
}
cudaError_t cudaFuncSetAttribute(const void* kernel, cudaFuncAttribute attribute, int value) {
  constexpr int kMostDynamicBytes = 227 << 10;  // compute capability 9.0
  if (attribute == cudaFuncAttributeMaxDynamicSharedMemorySize) {
    if (value > kMostDynamicBytes) return remember(cudaErrorInvalidValue);
    const std::lock_guard lock(runtime().mutex);
    runtime().most_dynamic_bytes[kernel] = value;
  }
  return cudaSuccess;
}
}
