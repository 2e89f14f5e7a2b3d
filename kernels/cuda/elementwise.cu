#include "kernels/check.h"
#include "kernels/cuda/check_device.h"
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

// A thread's chunk of `part` [rows, columns], each row of which has `chunks` of them.
struct ColumnChunk {
  int64_t row, column, left;
};
__device__ __forceinline__ ColumnChunk column_chunk(int64_t chunks, int64_t columns) {
  const int64_t chunk = flat_index() / kChunk, column = chunk % chunks * kChunk;
  return {chunk / chunks, column, columns - column};
}

template <class T>
__global__ void __launch_bounds__(kFlatThreads)
    add_columns_kernel(T* whole, const T* part, float factor, int64_t rows, int64_t width, int64_t columns,
                       int64_t chunks) {
  const ColumnChunk at = column_chunk(chunks, columns);
  if (at.row >= rows) return;
  const Chunk added = load_chunk(part + at.row * columns + at.column, at.left);
  T* const to = whole + at.row * width + at.column;
  Chunk sum = load_chunk(to, at.left);
#pragma unroll
  for (int i = 0; i < kChunk; ++i) sum.value[i] = fmaf(added.value[i], factor, sum.value[i]);
  store_chunk(to, sum, at.left);
}

template <class T>
__global__ void __launch_bounds__(kFlatThreads)
    copy_columns_kernel(T* part, const T* whole, float factor, int64_t rows, int64_t width, int64_t columns,
                        int64_t chunks) {
  const ColumnChunk at = column_chunk(chunks, columns);
  if (at.row >= rows) return;
  Chunk chunk = load_chunk(whole + at.row * width + at.column, at.left);
#pragma unroll
  for (int i = 0; i < kChunk; ++i) chunk.value[i] *= factor;
  store_chunk(part + at.row * columns + at.column, chunk, at.left);
}

void check_columns(const char* name, const Tensor& whole, int64_t first, const Tensor& part) {
  check_float(name, "part", part);
  check_device_tensor(name, "part", part, part.dtype, {part.rows(), part.columns()});
  check_device_tensor(name, "whole", whole, part.dtype, {part.rows(), whole.columns()});
  require(first >= 0 && first + part.columns() <= whole.columns(), "{}: columns {} to {} of {}", name, first,
          first + part.columns(), whole.description());
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
    stream_.copy(dst.data, src.data, src.bytes());
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

void CudaBackend::fill_zero(Tensor dst) { stream_.set_zero(dst.data, dst.bytes()); }

void CudaBackend::add_columns(Tensor whole, int64_t first, Tensor part, float factor) {
  check_columns("add_columns", whole, first, part);
  const int64_t chunks = (part.columns() + kChunk - 1) / kChunk;
  with_device_type(part.dtype, [&]<class T>() {
    launch(add_columns_kernel<T>, flat_blocks(part.rows() * chunks * kChunk), kFlatThreads, 0, stream_,
           device_data<T>(whole) + first, device_data<T>(part), factor, part.rows(), whole.columns(),
           part.columns(), chunks);
  });
}

void CudaBackend::copy_columns(Tensor part, Tensor whole, int64_t first, float factor) {
  check_columns("copy_columns", whole, first, part);
  const int64_t chunks = (part.columns() + kChunk - 1) / kChunk;
  with_device_type(part.dtype, [&]<class T>() {
    launch(copy_columns_kernel<T>, flat_blocks(part.rows() * chunks * kChunk), kFlatThreads, 0, stream_,
           device_data<T>(part), device_data<T>(whole) + first, factor, part.rows(), whole.columns(),
           part.columns(), chunks);
  });
}

}  // namespace limner
