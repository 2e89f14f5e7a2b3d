// Memory of the device and pinned memory, both of them the host's, and copies between them.
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>

#include "tests/emulation/block.h"
#include "tests/emulation/runtime.h"
#include "tests/emulation/sanitizers.h"

namespace {

struct Memories {
  std::recursive_mutex mutex;
  std::map<uintptr_t, size_t> device, pinned;
  size_t used_bytes = 0;
  bool guard = emulation::options().guard && __asan_poison_memory_region != nullptr;
};
Memories& memories() {
  static auto* one = new Memories;  // outlives every owner of device memory
  return *one;
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

bool lies_in(const std::map<uintptr_t, size_t>& all, const void* pointer) {
  const auto address = reinterpret_cast<uintptr_t>(pointer);
  auto next = all.upper_bound(address);
  if (next == all.begin()) return false;
  --next;
  return address < next->first + next->second;
}

}  // namespace

namespace emulation {

bool is_device_memory(const void* pointer) {
  const std::lock_guard lock(memories().mutex);
  return lies_in(memories().device, pointer);
}

bool take_device_memory(size_t bytes) {
  const std::lock_guard lock(memories().mutex);
  if (bytes > options().memory_bytes - memories().used_bytes) return false;
  memories().used_bytes += bytes;
  return true;
}
void give_device_memory_back(size_t bytes) {
  const std::lock_guard lock(memories().mutex);
  memories().used_bytes -= bytes;
}

void guard_device_memory(bool on) {
  if (!memories().guard) return;
  const std::lock_guard lock(memories().mutex);
  for (const auto& [address, bytes] : memories().device) {
    const auto* memory = reinterpret_cast<const void*>(address);
    on ? poison(memory, bytes) : unpoison(memory, bytes);
  }
}

}  // namespace emulation

extern "C" {

cudaError_t cudaMalloc(void** memory, size_t bytes) {
  const std::lock_guard lock(memories().mutex);
  *memory = nullptr;
  if (const cudaError_t refused = emulation::refused_by_capture()) return emulation::remember(refused);
  if (bytes == 0) return cudaSuccess;
  if (!emulation::take_device_memory(bytes)) return emulation::remember(cudaErrorMemoryAllocation);
  // The exact size: what AddressSanitizer watches begins at the last byte.
  if (posix_memalign(memory, 256, bytes) != 0) {
    emulation::give_device_memory_back(bytes);
    return emulation::remember(cudaErrorMemoryAllocation);
  }
  std::memset(*memory, 0xff, bytes);
  memories().device[reinterpret_cast<uintptr_t>(*memory)] = bytes;
  if (memories().guard) emulation::poison(*memory, bytes);
  return cudaSuccess;
}

cudaError_t cudaFree(void* memory) {
  if (memory == nullptr) return cudaSuccess;
  if (const cudaError_t refused = cudaDeviceSynchronize()) return refused;
  const std::lock_guard lock(memories().mutex);
  const auto found = memories().device.find(reinterpret_cast<uintptr_t>(memory));
  if (found == memories().device.end()) emulation::fail("cudaFree(%p): not an allocation", memory);
  if (memories().guard) emulation::unpoison(memory, found->second);
  emulation::give_device_memory_back(found->second);
  memories().device.erase(found);
  std::free(memory);
  return cudaSuccess;
}

cudaError_t cudaMemGetInfo(size_t* free_bytes, size_t* total_bytes) {
  const std::lock_guard lock(memories().mutex);
  *total_bytes = emulation::options().memory_bytes;
  *free_bytes = *total_bytes - memories().used_bytes;
  return cudaSuccess;
}

cudaError_t cudaMallocHost(void** memory, size_t bytes) {
  if (const cudaError_t refused = emulation::refused_by_capture()) return emulation::remember(refused);
  const size_t least = bytes == 0 ? 1 : bytes;
  if (posix_memalign(memory, 256, least) != 0) return emulation::remember(cudaErrorMemoryAllocation);
  const std::lock_guard lock(memories().mutex);
  memories().pinned[reinterpret_cast<uintptr_t>(*memory)] = least;
  return cudaSuccess;
}
cudaError_t cudaFreeHost(void* memory) {
  // At once, which is worse than CUDA: a queued copy that still names it then reads what was never there.
  const std::lock_guard lock(memories().mutex);
  const auto found = memories().pinned.find(reinterpret_cast<uintptr_t>(memory));
  if (found == memories().pinned.end()) return emulation::remember(cudaErrorInvalidValue);
  std::memset(memory, 0xff, found->second);
  memories().pinned.erase(found);
  std::free(memory);
  return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  if (bytes == 0) return cudaSuccess;
  check_copy(to, from, kind);
  if (emulation::is_captured(stream)) {
    const std::lock_guard lock(memories().mutex);
    for (const void* memory : {static_cast<const void*>(to), from}) {
      if (!emulation::is_device_memory(memory) && !lies_in(memories().pinned, memory)) {
        return emulation::remember(emulation::refused_by_capture());
      }
    }
  }
  return emulation::enqueue(stream, {[=] { std::memcpy(to, from, bytes); }, nullptr, nullptr});
}
cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind kind) {
  if (const cudaError_t refused = emulation::refused_by_capture()) return emulation::remember(refused);
  cudaMemcpyAsync(to, from, bytes, kind, nullptr);
  return cudaStreamSynchronize(nullptr);
}
cudaError_t cudaMemsetAsync(void* memory, int value, size_t bytes, cudaStream_t stream) {
  if (bytes > 0 && !emulation::is_device_memory(memory)) {
    emulation::fail("cudaMemset: %p is not device memory", memory);
  }
  return emulation::enqueue(stream, {[=] { std::memset(memory, value, bytes); }, nullptr, nullptr});
}
cudaError_t cudaMemset(void* memory, int value, size_t bytes) {
  return cudaMemsetAsync(memory, value, bytes, nullptr);
}
}
