#include "kernels/cuda/staging.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "kernels/cuda/memory.h"

namespace limner {
namespace {

constexpr int64_t kAlignment = 256;
constexpr int64_t kLeastBytes = int64_t{1} << 20;

int64_t aligned(int64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

}  // namespace

Staging::Staging(GpuStream& stream) : stream_(stream) {
  for (Half& half : halves_) check_cuda(cudaEventCreateWithFlags(&half.copied, cudaEventDisableTiming));
}

Staging::~Staging() {
  // Only a broken device makes these fail, and then nothing is left to save.
  static_cast<void>(cudaStreamSynchronize(stream_.ahead()));
  for (Half& half : halves_) static_cast<void>(cudaEventDestroy(half.copied));
}

void Staging::reserve(int64_t bytes) {
  // An operation's arrays must not come round to the half it began in: they fit into one.
  const int64_t wanted = std::max(kLeastBytes, aligned(bytes) * kSendsAnOperation);
  if (wanted <= halves_[0].pinned.bytes()) return;
  stream_.wait();
  Half larger[2];  // both, or everything stays as it is
  for (Half& half : larger) {
    half.pinned = allocate_pinned(wanted);
    half.device = allocate_device(wanted);
  }
  for (int i = 0; i < 2; ++i) {
    if (halves_[i].device.bytes() > 0) retired_.push_back(std::move(halves_[i].device));
    halves_[i].pinned = std::move(larger[i].pinned);
    halves_[i].device = std::move(larger[i].device);
  }
  used_ = 0;
  ++turns_;
}

void Staging::next_half() {
  // What is gathered reads this half: it must stand before the copies that come here the next time.
  check_cuda(cudaEventRecord(halves_[current_].copied, stream_.now()));
  current_ = 1 - current_;
  check_cuda(cudaEventSynchronize(halves_[current_].copied));
  used_ = 0;
  ++turns_;
}

void Staging::restart() {
  current_ = 0;
  used_ = 0;
  ++turns_;
}

const void* Staging::send(const void* host, int64_t bytes) {
  if (bytes == 0) return nullptr;
  if (aligned(bytes) * kSendsAnOperation > halves_[0].pinned.bytes()) reserve(2 * bytes);
  if (used_ + aligned(bytes) > halves_[current_].pinned.bytes()) next_half();
  std::byte* pinned = static_cast<std::byte*>(halves_[current_].pinned.data()) + used_;
  std::byte* device = static_cast<std::byte*>(halves_[current_].device.data()) + used_;
  std::memcpy(pinned, host, static_cast<size_t>(bytes));
  check_cuda(
      cudaMemcpyAsync(device, pinned, static_cast<size_t>(bytes), cudaMemcpyHostToDevice, stream_.ahead()));
  used_ += aligned(bytes);
  return device;
}

}  // namespace limner
