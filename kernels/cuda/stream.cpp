#include "kernels/cuda/stream.h"

#include <utility>

namespace limner {
namespace {

struct Copy {
  void* to;
  const void* from;
  size_t bytes;
  void make(cudaStream_t stream) const {
    check_cuda(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream));
  }
};

struct SetZero {
  void* memory;
  size_t bytes;
  void make(cudaStream_t stream) const { check_cuda(cudaMemsetAsync(memory, 0, bytes, stream)); }
};

}  // namespace

GpuStream::GpuStream() { check_cuda(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking)); }

GpuStream::~GpuStream() {
  // Only a broken device makes these fail, and then nothing is left to save.
  static_cast<void>(cudaStreamSynchronize(stream_));
  static_cast<void>(cudaStreamDestroy(stream_));
}

cudaStream_t GpuStream::now() {
  run_piece();
  return stream_;
}

void GpuStream::gather() {
  require(!gathers_, "work is gathered already");
  gathers_ = true;
}

void GpuStream::submit() {
  gathers_ = false;
  run_piece();
}

void GpuStream::drop() {
  gathers_ = false;
  piece_.clear();
}

void GpuStream::run_piece() {
  if (piece_.calls.empty()) return;
  struct Emptied {  // also after an error
    Piece& piece;
    ~Emptied() { piece.clear(); }
  } const emptied{piece_};
  graphs_.run(piece_, stream_);
}

void GpuStream::copy(void* to, const void* from, int64_t bytes) {
  if (bytes > 0) call(Copy{to, from, static_cast<size_t>(bytes)});
}

void GpuStream::set_zero(void* memory, int64_t bytes) {
  if (bytes > 0) call(SetZero{memory, static_cast<size_t>(bytes)});
}

}  // namespace limner
