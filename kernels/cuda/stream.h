// The stream that a backend computes on. What it is given goes to the GPU at once or, between gather() and
// submit(), is written down first and handed over in one piece: as a CUDA graph, where such a piece came
// before (docs/cuda.md).
#pragma once

#include <cuda_runtime.h>

#include <cstring>
#include <type_traits>

#include "kernels/cuda/check_cuda.h"
#include "kernels/cuda/graphs.h"
#include "kernels/cuda/piece.h"

namespace limner {

class GpuStream {
 public:
  GpuStream();
  ~GpuStream();  // waits
  GpuStream(const GpuStream&) = delete;
  GpuStream& operator=(const GpuStream&) = delete;

  // For calls that are not written down: everything given so far stands before them.
  cudaStream_t now();
  // For copies to memory that nothing gathered reads or writes; they come before what is gathered.
  cudaStream_t ahead() const { return stream_; }
  void wait() { check_cuda(cudaStreamSynchronize(now())); }

  void gather();
  void submit();  // ends what gather() began
  void drop();    // ends it after an error: what is not submitted yet is never done
  bool gathers() const { return gathers_; }
  GraphUse use() const { return graphs_.use(); }

  // A call without a kernel of ours: work.make(stream) makes it.
  template <class Work>
  void call(const Work& work) {
    static_assert(std::has_unique_object_representations_v<Work>, "calls are compared byte by byte");
    if (!gathers_) return work.make(stream_);
    const auto make = [](const GatheredCall&, const std::byte* content, cudaStream_t stream) {
      reinterpret_cast<const Work*>(content)->make(stream);
    };
    std::memcpy(piece_.add({make, nullptr, nullptr, {}, {}, 0, 0, sizeof(Work), {}}), &work, sizeof(Work));
  }
  // Room for the content of a kernel's launch.
  std::byte* add(const GatheredCall& call) { return piece_.add(call); }

  void copy(void* to, const void* from, int64_t bytes);  // within device memory
  void set_zero(void* memory, int64_t bytes);

 private:
  void run_piece();

  cudaStream_t stream_ = nullptr;
  bool gathers_ = false;
  Piece piece_;
  GraphCache graphs_;
};

}  // namespace limner
