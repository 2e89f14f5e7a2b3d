#include "kernels/cuda/column_sums.h"

#include <algorithm>

#include "kernels/cuda/chunk.h"
#include "kernels/cuda/cuda_backend.h"
#include "kernels/cuda/gpu.h"
#include "kernels/cuda/tuning.h"

namespace limner {

namespace {

constexpr int kSumWarps = 8;
constexpr int kSumThreads = kSumWarps * kWarpSize;
static_assert(kSumThreads == kWarpChunk, "a thread finishes one column");

// Sums the rows of the matrix whose numbers `row_of` gives, over this block's kWarpChunk columns: warp w
// takes rows w, w + 8, …, then one thread a column adds the warps' sums in order and passes the result to
// `finish`.
template <class T, class RowOf, class Finish>
__device__ void sum_rows(const T* matrix, int64_t columns, int64_t rows, RowOf row_of, Finish finish) {
  SHARED_ARRAY(Chunk, sums, [kSumWarps][kWarpSize]);
  const int64_t first_column = blockIdx.y * kWarpChunk;
  const int64_t column = first_column + lane_index() * kChunk, left = columns - column;
  Chunk sum{};
  if (left > 0) {
#pragma unroll 4
    for (int64_t row = warp_index(); row < rows; row += kSumWarps) {
      add_to(sum, load_chunk(matrix + row_of(row) * columns + column, left));
    }
  }
  sums[warp_index()][lane_index()] = sum;
  __syncthreads();
  const int mine = static_cast<int>(threadIdx.x);
  if (first_column + mine >= columns) return;
  float total = 0.0f;
#pragma unroll
  for (int warp = 0; warp < kSumWarps; ++warp) total += sums[warp][mine / kChunk].value[mine % kChunk];
  finish(first_column + mine, total);
}

// Block b sums rows [b * piece, (b + 1) * piece) into row b of `sums`.
template <class T>
__global__ void __launch_bounds__(kSumThreads)
    sum_pieces_kernel(float* sums, Write write, const T* matrix, int64_t rows, int64_t columns,
                      int64_t piece) {
  const int64_t first = blockIdx.x * piece;
  sum_rows(
      matrix, columns, min(piece, rows - first), [&](int64_t row) { return first + row; },
      [&](int64_t column, float sum) {
        float* const to = sums + blockIdx.x * columns + column;
        *to = write == Write::add ? *to + sum : sum;
      });
}

template <class T>
__global__ void __launch_bounds__(kSumThreads)
    sum_segments_kernel(float* sums, float* partial, const T* matrix, int64_t columns, RowSegments segments) {
  const int64_t first = segments.first[blockIdx.x], rows = segments.first[blockIdx.x + 1] - first;
  const int64_t target = segments.target[blockIdx.x];
  if (rows == 0) return;
  sum_rows(
      matrix, columns, rows,
      [&](int64_t row) -> int64_t {
        return segments.order == nullptr ? first + row : segments.order[first + row];
      },
      [&](int64_t column, float sum) {
        if (target >= 0) {
          sums[target * columns + column] += sum;
        } else {
          partial[~target * columns + column] = sum;
        }
      });
}

dim3 sum_grid(int64_t segments, int64_t columns) {
  return {static_cast<unsigned>(segments), blocks_for(columns, kWarpChunk)};
}

void sum_pieces(GpuStream& stream, float* sums, Write write, const Tensor& matrix, int64_t piece) {
  const int64_t rows = matrix.rows(), columns = matrix.columns();
  with_device_type(matrix.dtype, [&]<class T>() {
    launch(sum_pieces_kernel<T>, sum_grid(blocks_for(rows, piece), columns), kSumThreads, 0, stream, sums,
           write, device_data<T>(matrix), rows, columns, piece);
  });
}

}  // namespace

void add_few_rows(GpuStream& stream, float* sums, Tensor rows) {
  if (rows.rows() > 0) sum_pieces(stream, sums, Write::add, rows, rows.rows());
}

void add_column_sums(CudaBackend& backend, float* sums, Tensor matrix) {
  const int64_t rows = matrix.rows(), columns = matrix.columns();
  const int64_t piece = std::max(tuning::kSumRows, (rows + tuning::kSumPieces - 1) / tuning::kSumPieces);
  if (rows <= piece) return add_few_rows(backend.stream(), sums, matrix);
  const int64_t pieces = blocks_for(rows, piece);
  float* const partial = backend.scratch<float>(pieces * columns);
  sum_pieces(backend.stream(), partial, Write::overwrite, matrix, piece);
  add_few_rows(backend.stream(), sums, Tensor(partial, DType::f32, {pieces, columns}, Device::cuda));
}

void sum_segments(GpuStream& stream, float* sums, float* partial, Tensor matrix,
                  const RowSegments& segments) {
  with_device_type(matrix.dtype, [&]<class T>() {
    launch(sum_segments_kernel<T>, sum_grid(segments.count, matrix.columns()), kSumThreads, 0, stream, sums,
           partial, device_data<T>(matrix), matrix.columns(), segments);
  });
}

}  // namespace limner
