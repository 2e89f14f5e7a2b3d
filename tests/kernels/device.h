// The device that a test program was linked for: its backend, and memory that tests fill and read. The same
// tests are linked once with cpu_device.cpp and once with the CUDA backend's counterpart.
#pragma once

#include <memory>

#include "kernels/backend.h"
#include "runtime/buffer.h"

namespace limner::test {

// `threads` matters to the CPU only.
std::unique_ptr<Backend> make_backend(int threads);
// Does this device have attention for heads of this size?
bool has_attention(int64_t head_size);
// Does it compute on as many threads as make_backend is told?
bool has_threads();
// Memory outside every backend, so that a test can look behind a tensor's last byte.
Buffer device_memory(int64_t bytes);
// Both wait for every operation that was called before, on any backend.
void copy_to_device(void* device, const void* host, int64_t bytes);
void copy_to_host(void* host, const void* device, int64_t bytes);

}  // namespace limner::test
