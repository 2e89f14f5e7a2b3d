#include "kernels/cuda/check_device.h"
#include "kernels/cuda/chunk.h"
#include "kernels/cuda/cuda_backend.h"
#include "kernels/cuda/gpu.h"

namespace limner {

namespace {

constexpr int kPoolWarps = 8;
constexpr int kPoolThreads = kPoolWarps * kWarpSize;
static_assert(kPoolThreads == kWarpChunk, "a thread finishes one column");

// The tokens of a row that are pooled: positions begin..end - 1 of the row whose first token is `first`.
struct PooledRange {
  int64_t first, begin, end;
};
__device__ __forceinline__ PooledRange pooled_range(const DevicePacking& packing, int64_t row,
                                                    int64_t skipped) {
  const int64_t first = packing.cu_lengths[row], length = packing.cu_lengths[row + 1] - first;
  return {first, min(skipped, length), length};
}

// The share of token `position`, one of the range, in the row's vector, for every pooling but max.
__device__ __forceinline__ float pooling_weight(Pooling pooling, int64_t position, const PooledRange& range) {
  const auto tokens = static_cast<float>(range.end - range.begin);
  if (pooling == Pooling::mean) return 1.0f / tokens;
  if (pooling == Pooling::cls) return position == range.begin ? 1.0f : 0.0f;
  if (pooling == Pooling::last) return position == range.end - 1 ? 1.0f : 0.0f;
  // weighted_mean: the weights are begin + 1, …, end
  return 2.0f * static_cast<float>(position + 1) / (tokens * static_cast<float>(range.begin + range.end + 1));
}

// A block takes one row and kWarpChunk columns: warp w takes positions w, w + 8, …; then one thread a column
// adds the warps' sums in order.
template <class T>
__global__ void __launch_bounds__(kPoolThreads)
    pool_weighted_kernel(float* pooled, const T* x, int64_t width, DevicePacking packing, Pooling pooling,
                         int64_t skipped) {
  SHARED_ARRAY(Chunk, sums, [kPoolWarps][kWarpSize]);
  const int64_t row = blockIdx.x, first_column = int64_t{blockIdx.y} * kWarpChunk;
  const PooledRange range = pooled_range(packing, row, skipped);
  const int64_t column = first_column + lane_index() * kChunk;
  Chunk sum{};
  for (int64_t position = range.begin + warp_index(); position < range.end; position += kPoolWarps) {
    const float weight = pooling_weight(pooling, position, range);
    if (weight == 0.0f) continue;
    const Chunk value = load_chunk(x + (range.first + position) * width + column, width - column);
#pragma unroll
    for (int i = 0; i < kChunk; ++i) sum.value[i] += weight * value.value[i];
  }
  sums[warp_index()][lane_index()] = sum;
  __syncthreads();
  const int mine = static_cast<int>(threadIdx.x);
  if (first_column + mine >= width) return;
  float total = 0.0f;
#pragma unroll
  for (int warp = 0; warp < kPoolWarps; ++warp) total += sums[warp][mine / kChunk].value[mine % kChunk];
  pooled[row * width + first_column + mine] = total;
}

struct alignas(16) Positions {
  int32_t value[kChunk];
};

// As above; of equal values the first position wins. Every warp begins with the first one, so that a NaN
// there stays, and one elsewhere is passed over, however the positions are shared out.
template <class T>
__global__ void __launch_bounds__(kPoolThreads)
    pool_max_kernel(float* pooled, int32_t* argmax, const T* x, int64_t width, DevicePacking packing,
                    int64_t skipped) {
  SHARED_ARRAY(Chunk, bests, [kPoolWarps][kWarpSize]);
  SHARED_ARRAY(Positions, places, [kPoolWarps][kWarpSize]);
  const int64_t row = blockIdx.x, first_column = int64_t{blockIdx.y} * kWarpChunk;
  const PooledRange range = pooled_range(packing, row, skipped);
  const int64_t column = first_column + lane_index() * kChunk, left = width - column;
  Chunk best{};
  Positions place{};
  if (left > 0 && range.begin < range.end) {
    best = load_chunk(x + (range.first + range.begin) * width + column, left);
#pragma unroll
    for (int i = 0; i < kChunk; ++i) place.value[i] = static_cast<int32_t>(range.begin);
    for (int64_t position = range.begin + warp_index(); position < range.end; position += kPoolWarps) {
      const Chunk value = load_chunk(x + (range.first + position) * width + column, left);
#pragma unroll
      for (int i = 0; i < kChunk; ++i) {
        if (value.value[i] > best.value[i]) {
          best.value[i] = value.value[i];
          place.value[i] = static_cast<int32_t>(position);
        }
      }
    }
  }
  bests[warp_index()][lane_index()] = best;
  places[warp_index()][lane_index()] = place;
  __syncthreads();
  const int mine = static_cast<int>(threadIdx.x), lane = mine / kChunk, element = mine % kChunk;
  if (first_column + mine >= width) return;
  float most = bests[0][lane].value[element];
  int32_t where = range.begin < range.end ? places[0][lane].value[element] : -1;
  for (int warp = 1; warp < kPoolWarps; ++warp) {
    const float value = bests[warp][lane].value[element];
    const int32_t position = places[warp][lane].value[element];
    if (value > most || (value == most && position < where)) {
      most = value;
      where = position;
    }
  }
  pooled[row * width + first_column + mine] = most;
  if (argmax != nullptr) argmax[row * width + first_column + mine] = where;
}

template <class T>
struct PoolBackward {
  T* dx;
  Write write;
  const float* dpooled;
  const int32_t* argmax;  // of max
  int64_t width;
  DevicePacking packing;
  Pooling pooling;
  int64_t skipped;
};

// One warp a token.
template <class T>
__global__ void __launch_bounds__(kTokenThreads) pool_backward_kernel(PoolBackward<T> call) {
  const int64_t token = token_index(), width = call.width;
  if (token >= call.packing.tokens) return;
  const int64_t row = call.packing.token_rows[token];
  const PooledRange range = pooled_range(call.packing, row, call.skipped);
  const int64_t position = token - range.first;
  const bool is_max = call.pooling == Pooling::max;
  const float weight = position < range.begin ? 0.0f
                       : is_max               ? 1.0f
                                              : pooling_weight(call.pooling, position, range);
  for (int64_t c = lane_index() * kChunk; c < width; c += kWarpChunk) {
    const int64_t left = width - c;
    Chunk gradient = load_chunk(call.dpooled + row * width + c, left);
#pragma unroll
    for (int i = 0; i < kChunk; ++i) {
      gradient.value[i] *= weight;
      if (is_max && i < left && call.argmax[row * width + c + i] != position) gradient.value[i] = 0.0f;
    }
    T* const to = call.dx + token * width + c;
    if (call.write == Write::add) add_to(gradient, load_chunk(to, left));
    store_chunk(to, gradient, left);
  }
}

// One warp a row.
__global__ void __launch_bounds__(kTokenThreads)
    normalize_rows_kernel(float* x, int64_t rows, int64_t width) {
  if (token_index() >= rows) return;
  float* const row = x + token_index() * width;
  float squares = 0.0f;
  for (int64_t c = lane_index() * kChunk; c < width; c += kWarpChunk) {
    const Chunk chunk = load_chunk(row + c, width - c);
#pragma unroll
    for (int i = 0; i < kChunk; ++i) squares += chunk.value[i] * chunk.value[i];
  }
  const float length = sqrtf(warp_sum(squares));
  if (length == 0.0f) return;
  for (int64_t c = lane_index() * kChunk; c < width; c += kWarpChunk) {
    Chunk chunk = load_chunk(row + c, width - c);
#pragma unroll
    for (int i = 0; i < kChunk; ++i) chunk.value[i] /= length;
    store_chunk(row + c, chunk, width - c);
  }
}

}  // namespace

void CudaBackend::pool_forward(Tensor pooled, Tensor argmax, Tensor x, const Packing& packing,
                               Pooling pooling, int64_t skipped) {
  const char* const name = "pool_forward";
  check_float(name, "x", x);
  const int64_t tokens = x.rows(), width = x.columns(), rows = packing.rows();
  check_device_tensor(name, "x", x, x.dtype, {tokens, width});
  check_packing(name, packing, tokens);
  check_device_tensor(name, "pooled", pooled, DType::f32, {rows, width});
  check_device_optional(name, "argmax", argmax, DType::i32, {rows, width});
  const DevicePacking device = send(packing);
  const dim3 grid(static_cast<unsigned>(rows), blocks_for(width, kWarpChunk));
  with_device_type(x.dtype, [&]<class T>() {
    if (pooling == Pooling::max) {
      launch(pool_max_kernel<T>, grid, kPoolThreads, 0, stream_, device_data<float>(pooled),
             device_data<int32_t>(argmax), device_data<T>(x), width, device, skipped);
    } else {
      launch(pool_weighted_kernel<T>, grid, kPoolThreads, 0, stream_, device_data<float>(pooled),
             device_data<T>(x), width, device, pooling, skipped);
    }
  });
}

void CudaBackend::pool_backward(Tensor dx, Write write, Tensor dpooled, Tensor argmax, const Packing& packing,
                                Pooling pooling, int64_t skipped) {
  const char* const name = "pool_backward";
  check_float(name, "dx", dx);
  const int64_t tokens = dx.rows(), width = dx.columns(), rows = packing.rows();
  check_device_tensor(name, "dx", dx, dx.dtype, {tokens, width});
  check_packing(name, packing, tokens);
  check_device_tensor(name, "dpooled", dpooled, DType::f32, {rows, width});
  if (pooling == Pooling::max) check_device_tensor(name, "argmax", argmax, DType::i32, {rows, width});
  const DevicePacking device = send(packing);
  with_device_type(dx.dtype, [&]<class T>() {
    const PoolBackward<T> call{device_data<T>(dx),
                               write,
                               device_data<float>(dpooled),
                               device_data<int32_t>(argmax),
                               width,
                               device,
                               pooling,
                               skipped};
    launch(pool_backward_kernel<T>, token_blocks(tokens), kTokenThreads, 0, stream_, call);
  });
}

void CudaBackend::normalize_rows(Tensor x) {
  const int64_t rows = x.rows(), width = x.columns();
  check_device_tensor("normalize_rows", "x", x, DType::f32, {rows, width});
  launch(normalize_rows_kernel, token_blocks(rows), kTokenThreads, 0, stream_, device_data<float>(x), rows,
         width);
}

}  // namespace limner
