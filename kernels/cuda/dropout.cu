#include "kernels/cuda/check_device.h"
#include "kernels/cuda/chunk.h"
#include "kernels/cuda/cuda_backend.h"
#include "kernels/cuda/gpu.h"

namespace limner {

namespace {

template <class T>
__global__ void __launch_bounds__(kTokenThreads)
    dropout_kernel(T* y, const T* x, int64_t tokens, int64_t width, DeviceDropout dropout) {
  const int64_t token = token_index();
  if (token >= tokens) return;
  const TokenPlace place = place_of(dropout, token);
  for (int64_t c = lane_index() * kChunk; c < width; c += kWarpChunk) {
    const int64_t at = token * width + c, left = width - c;
    Chunk chunk = load_chunk(x + at, left);
    drop(chunk, dropout, place, c);
    store_chunk(y + at, chunk, left);
  }
}

}  // namespace

void CudaBackend::dropout(Tensor y, Tensor x, const Dropout& dropout, const Packing& packing) {
  const char* const name = "dropout";
  check_float(name, "x", x);
  const int64_t tokens = x.rows(), width = x.columns();
  check_device_tensor(name, "x", x, x.dtype, {tokens, width});
  check_device_tensor(name, "y", y, x.dtype, {tokens, width});
  check_dropout(name, dropout);
  if (!dropout.active()) {
    if (y.data != x.data) cast(y, x);
    return;
  }
  check_packing(name, packing, tokens);
  const DeviceDropout device = device_dropout(*this, dropout, packing);
  with_device_type(x.dtype, [&]<class T>() {
    launch(dropout_kernel<T>, token_blocks(tokens), kTokenThreads, 0, stream_, device_data<T>(y),
           device_data<T>(x), tokens, width, device);
  });
}

}  // namespace limner
