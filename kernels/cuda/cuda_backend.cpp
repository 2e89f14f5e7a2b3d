#include "kernels/cuda/cuda_backend.h"

#include <algorithm>

#include "kernels/cuda/matrix_products.h"
#include "kernels/cuda/memory.h"
#include "kernels/cuda/tuning.h"

namespace limner {
namespace {

// Every operation's scratch is partial sums: at most this many vectors of the widest layer (norm's backward
// has two for each of its pieces) …
constexpr int64_t kScratchVectors = 2 * tuning::kNormPieces;
static_assert(kScratchVectors >= 2 * tuning::kSumPieces);
// … or one f32 a token and head, for attention's backward.
constexpr int64_t kScratchHeads = 64;

// Kept free when a batch is planned: the driver and cuBLAS load a kernel's code when it is first launched,
// and a launch that finds no room for it ends the run. A guess, not measured yet.
constexpr int64_t kCodeBytes = int64_t{128} << 20;

}  // namespace

int CudaBackend::choose(int device_index) {
  check_cuda(cudaSetDevice(device_index));
  return device_index;
}

CudaBackend::CudaBackend(int device_index, Graphs graphs)
    : device_index_(choose(device_index)), graphs_(graphs) {
  staging_ = std::make_unique<Staging>(stream_);
  products_ = std::make_unique<MatrixProducts>(stream_);
}

CudaBackend::~CudaBackend() {
  // Only a broken device makes these fail, and then nothing is left to save.
  static_cast<void>(cudaStreamSynchronize(stream_.ahead()));
}

std::string CudaBackend::description() const {
  cudaDeviceProp properties{};
  check_cuda(cudaGetDeviceProperties(&properties, device_index_));
  return fmt::format("cuda: {} (compute capability {}.{}, {} GiB), {}", properties.name, properties.major,
                     properties.minor, properties.totalGlobalMem >> 30, products_->library());
}

Buffer CudaBackend::allocate(int64_t bytes) {
  // Never empty: an arena tells 'counting' from 'placing' by its pointer.
  Buffer buffer = allocate_device(std::max<int64_t>(bytes, 64));
  check_cuda(cudaMemsetAsync(buffer.data(), 0, static_cast<size_t>(buffer.bytes()), stream_.now()));
  synchronize();  // other streams may use it at once
  return buffer;
}

void CudaBackend::upload(Tensor device, const void* host) {
  if (device.elements() == 0) return;
  check_cuda(cudaMemcpyAsync(device.data, host, static_cast<size_t>(device.bytes()), cudaMemcpyHostToDevice,
                             stream_.now()));
  synchronize();  // the caller may free `host`
}

void CudaBackend::download(void* host, Tensor device) {
  if (device.elements() == 0) return;
  check_cuda(cudaMemcpyAsync(host, device.data, static_cast<size_t>(device.bytes()), cudaMemcpyDeviceToHost,
                             stream_.now()));
  synchronize();
}

void CudaBackend::synchronize() {
  stream_.wait();
  if (graphs_ == Graphs::on) staging_->restart();  // else a packing that was sent may stay
}

void CudaBackend::as_one(const std::function<void()>& work) {
  if (graphs_ == Graphs::off) return work();
  stream_.gather();
  try {
    work();
  } catch (...) {
    stream_.drop();
    throw;
  }
  stream_.submit();
}

void CudaBackend::reserve(int64_t tokens, int64_t widest) {
  // The largest array is that of the embedding's backward: little more than three numbers a token.
  staging_->reserve(4 * tokens * static_cast<int64_t>(sizeof(int32_t)));
  const int64_t floats = std::max(kScratchVectors * widest, kScratchHeads * tokens);
  scratch<float>(floats);
  require_free(kCodeBytes);
}

DevicePacking CudaBackend::send(const Packing& packing) {
  const bool same = packing_.turn == staging_->turns() &&
                    std::ranges::equal(packing_.cu_lengths, packing.cu_lengths) &&
                    std::ranges::equal(packing_.row_keys, packing.row_keys);
  if (same) return packing_.device;
  std::vector<int32_t> token_rows(static_cast<size_t>(packing.tokens()));
  for (int64_t row = 0; row < packing.rows(); ++row) {
    const auto index = static_cast<size_t>(row);
    std::fill(token_rows.begin() + packing.cu_lengths[index],
              token_rows.begin() + packing.cu_lengths[index + 1], static_cast<int32_t>(row));
  }
  packing_.cu_lengths.assign(packing.cu_lengths.begin(), packing.cu_lengths.end());
  packing_.row_keys.assign(packing.row_keys.begin(), packing.row_keys.end());
  packing_.device = {
      send(packing.cu_lengths), send(packing.row_keys), send(std::span<const int32_t>(token_rows)),
      packing.rows(),           packing.tokens(),       packing.max_length};
  packing_.turn = staging_->turns();
  return packing_.device;
}

void* CudaBackend::scratch_bytes(int64_t bytes) {
  if (bytes > scratch_.bytes()) {
    stream_.wait();
    scratch_ = Buffer();  // the old piece is given back first: both need not fit
    scratch_ = allocate_device(std::max(bytes, int64_t{1} << 20));
  }
  return scratch_.data();
}

}  // namespace limner
