// Small host arrays (token ids, labels, row lengths) on their way to the device: copied into pinned memory,
// from there in the background. Two halves: one fills while the copies out of the other are under way.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <vector>

#include "kernels/cuda/stream.h"
#include "runtime/buffer.h"

namespace limner {

class Staging {
 public:
  explicit Staging(GpuStream& stream);
  ~Staging();
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;

  // Room for operations that send up to this many bytes each; waits for the device if it must grow.
  void reserve(int64_t bytes);
  // Device memory, 256-byte aligned, that holds the array once the stream comes to what is enqueued next,
  // also where that is gathered. It stays so for everything enqueued within the same operation (which may
  // send at most kSendsAnOperation arrays).
  const void* send(const void* host, int64_t bytes);
  // Begins anew in the first half, so that the same arrays get the same places again. Only when the device
  // has nothing to do.
  void restart();
  // How often the halves have changed. What was sent while this number was the same is still there.
  int64_t turns() const { return turns_; }

  static constexpr int64_t kSendsAnOperation = 8;

 private:
  struct Half {
    Buffer pinned, device;
    cudaEvent_t copied = nullptr;  // every copy out of `pinned` is done
  };
  void next_half();

  GpuStream& stream_;
  Half halves_[2];
  int current_ = 0;
  int64_t used_ = 0;
  int64_t turns_ = 0;
  std::vector<Buffer> retired_;  // outgrown, but an operation may still name it
};

}  // namespace limner
