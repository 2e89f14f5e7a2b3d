#include "kernels/check.h"
#include "kernels/cuda/chunk.h"
#include "kernels/cuda/cuda_backend.h"
#include "kernels/cuda/gpu.h"

namespace limner {

namespace {

template <class To, class From>
__global__ void __launch_bounds__(kFlatThreads) cast_kernel(To* dst, const From* src, int64_t elements) {
  const int64_t at = flat_index(), left = elements - at;
  if (left > 0) store_chunk(dst + at, load_chunk(src + at, left), left);
}

template <class T>
__global__ void __launch_bounds__(kFlatThreads) add_kernel(T* dst, const T* src, int64_t elements) {
  const int64_t at = flat_index(), left = elements - at;
  if (left <= 0) return;
  Chunk sum = load_chunk(dst + at, left);
  add_to(sum, load_chunk(src + at, left));
  store_chunk(dst + at, sum, left);
}

void check_pair(const char* name, const Tensor& dst, const Tensor& src) {
  check_float(name, "dst", dst);
  check_float(name, "src", src);
  require(dst.device == Device::cuda && src.device == Device::cuda && dst.elements() == src.elements(),
          "{}: dst is {}, src is {}", name, dst.description(), src.description());
}

}  // namespace

void CudaBackend::cast(Tensor dst, Tensor src) {
  check_pair("cast", dst, src);
  const int64_t elements = src.elements();
  if (dst.dtype == src.dtype) {
    check_cuda(cudaMemcpyAsync(dst.data, src.data, static_cast<size_t>(src.bytes()), cudaMemcpyDeviceToDevice,
                               stream_));
  } else if (dst.dtype == DType::f32) {
    launch(cast_kernel<float, bf16>, flat_blocks(elements), kFlatThreads, 0, stream_, device_data<float>(dst),
           device_data<bf16>(src), elements);
  } else {
    launch(cast_kernel<bf16, float>, flat_blocks(elements), kFlatThreads, 0, stream_, device_data<bf16>(dst),
           device_data<float>(src), elements);
  }
}

void CudaBackend::add(Tensor dst, Tensor src) {
  check_pair("add", dst, src);
  require(dst.dtype == src.dtype, "add: dst is {}, src is {}", dst.description(), src.description());
  const int64_t elements = src.elements();
  with_device_type(dst.dtype, [&]<class T>() {
    launch(add_kernel<T>, flat_blocks(elements), kFlatThreads, 0, stream_, device_data<T>(dst),
           device_data<T>(src), elements);
  });
}

void CudaBackend::fill_zero(Tensor dst) {
  if (dst.elements() == 0) return;
  check_cuda(cudaMemsetAsync(dst.data, 0, static_cast<size_t>(dst.bytes()), stream_));
}

}  // namespace limner
