#include <cstring>

#include "device.h"

namespace limner::test {

std::unique_ptr<Backend> make_backend(int threads) { return make_cpu_backend(threads); }

bool has_attention(int64_t /*head_size*/) { return true; }

bool has_threads() { return true; }

Buffer device_memory(int64_t bytes) { return Buffer(bytes); }

void copy_to_device(void* device, const void* host, int64_t bytes) {
  if (bytes > 0) std::memcpy(device, host, static_cast<size_t>(bytes));
}

void copy_to_host(void* host, const void* device, int64_t bytes) {
  if (bytes > 0) std::memcpy(host, device, static_cast<size_t>(bytes));
}

}  // namespace limner::test
