// What every .cu file includes: launches, shared memory, reductions and conversions. The same file compiles
// with nvcc and, for tests without a GPU, as C++ against tests/emulation (docs/cuda.md says which rules make
// that so).
#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <utility>

#include "kernels/cuda/check_cuda.h"
#include "kernels/cuda/stream.h"
#include "kernels/host_device.h"
#include "runtime/tensor.h"

namespace limner {

using bf16 = __nv_bfloat16;
using bf16x2 = __nv_bfloat162;

// --- Launches.

struct LaunchStream {
  GpuStream& stream;
  std::source_location place;
  LaunchStream(GpuStream& on, std::source_location from = std::source_location::current())
      : stream(on), place(from) {}
};
inline constexpr size_t kPlainSharedBytes = 48 * 1024;  // more must be asked for, kernel by kernel
// Of a block, on every GPU since compute capability 8.0.
inline constexpr size_t kMostSharedBytes = 99 * 1024;

// A launch as GpuStream writes it down: the arguments one after the other, each at its alignment.
template <class... Parameters>
struct KernelCall {
  static_assert((std::is_trivially_copyable_v<Parameters> && ...), "arguments are copied byte by byte");
  static_assert(((alignof(Parameters) <= kContentAlignment) && ...) &&
                sizeof...(Parameters) <= kMostArguments);
  using Kernel = void (*)(Parameters...);
  using Indices = std::index_sequence_for<Parameters...>;

  static constexpr std::array<size_t, sizeof...(Parameters) + 1> offsets() {
    std::array<size_t, sizeof...(Parameters) + 1> result{};
    size_t index = 0, end = 0;
    [[maybe_unused]] const auto place = [&](size_t bytes, size_t alignment) {
      result[index++] = (end + alignment - 1) / alignment * alignment;
      end = result[index - 1] + bytes;
    };
    (place(sizeof(Parameters), alignof(Parameters)), ...);
    result[index] = end;
    return result;
  }
  static constexpr auto kOffsets = offsets();
  static constexpr size_t kBytes = kOffsets.back();

  template <size_t... I>
  static void write([[maybe_unused]] std::byte* content, std::index_sequence<I...>, Parameters... values) {
    (static_cast<void>(std::memcpy(content + kOffsets[I], &values, sizeof values)), ...);
  }
  template <size_t... I>
  static void launch(const cudaLaunchConfig_t& config, Kernel kernel,
                     [[maybe_unused]] const std::byte* content, std::source_location place,
                     std::index_sequence<I...>) {
    check_cuda(
        cudaLaunchKernelEx(&config, kernel, *reinterpret_cast<const Parameters*>(content + kOffsets[I])...),
        place);
  }
  static void make(const GatheredCall& call, const std::byte* content, cudaStream_t stream) {
    cudaLaunchConfig_t config{};
    config.gridDim = call.grid;
    config.blockDim = call.block;
    config.dynamicSmemBytes = call.shared_bytes;
    config.stream = stream;
    launch(config, reinterpret_cast<Kernel>(const_cast<void*>(call.kernel)), content, call.place, Indices{});
  }
  static void arguments(const std::byte* content, void** pointers) {
    for (size_t i = 0; i < sizeof...(Parameters); ++i) {
      pointers[i] = const_cast<std::byte*>(content) + kOffsets[i];
    }
  }
};

// Pointers among `arguments` point to device memory. A grid without blocks is nothing to do.
template <class... Parameters, class... Arguments>
void launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, size_t shared_bytes, LaunchStream stream,
            Arguments&&... arguments) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
  if (shared_bytes > kPlainSharedBytes) {
    require(shared_bytes <= kMostSharedBytes, "a kernel wants {} bytes of shared memory a block",
            shared_bytes);
    check_cuda(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                    static_cast<int>(kMostSharedBytes)),
               stream.place);
  }
  if (stream.stream.gathers()) {
    using Call = KernelCall<Parameters...>;
    std::byte* const content =
        stream.stream.add({Call::make, Call::arguments, reinterpret_cast<const void*>(kernel), grid, block,
                           shared_bytes, 0, Call::kBytes, stream.place});
    Call::write(content, typename Call::Indices{}, static_cast<Arguments&&>(arguments)...);
    return;
  }
  cudaLaunchConfig_t config{};
  config.gridDim = grid;
  config.blockDim = block;
  config.dynamicSmemBytes = shared_bytes;
  config.stream = stream.stream.now();
  check_cuda(cudaLaunchKernelEx(&config, kernel, static_cast<Arguments&&>(arguments)...), stream.place);
}

inline unsigned blocks_for(int64_t items, int64_t items_per_block) {
  return static_cast<unsigned>((items + items_per_block - 1) / items_per_block);
}

// --- Shared memory: SHARED_ARRAY(float, partial, [32]); or pieces of the launch's dynamic bytes, taken by
// all threads in the same order before any of them goes its own way.
#ifndef LIMNER_EMULATION
#define SHARED_ARRAY(T, name, ...) __shared__ T name __VA_ARGS__

class SharedArena {
 public:
  template <class T>
  __device__ T* take(size_t count, size_t alignment = 16) {
    extern __shared__ __align__(128) unsigned char dynamic_shared_bytes[];
    used_ = (used_ + alignment - 1) / alignment * alignment;
    T* const piece = reinterpret_cast<T*>(dynamic_shared_bytes + used_);
    used_ += count * sizeof(T);
    return piece;
  }

 private:
  // Not a pointer: rounded as an integer, it would no longer be known to point to shared memory.
  size_t used_ = 0;
};
#else
using ::SharedArena;
#endif

// --- Types. float or bf16 for a tensor's dtype, once a launcher.
template <class Function>
decltype(auto) with_device_type(DType dtype, Function&& function) {
  if (dtype == DType::f32) return function.template operator()<float>();
  if (dtype == DType::bf16) return function.template operator()<bf16>();
  fail(ExitCode::internal, "operation wants f32 or bf16, got {}", dtype_name(dtype));
}
// The tensor's memory as device elements (null when absent); the launcher has checked its dtype.
template <class T>
T* device_data(const Tensor& tensor) {
  return static_cast<T*>(tensor.data);
}

__device__ __forceinline__ float to_float(float value) { return value; }
__device__ __forceinline__ float to_float(bf16 value) { return __bfloat162float(value); }
template <class T>
__device__ __forceinline__ T from_float(float value);
template <>
__device__ __forceinline__ float from_float<float>(float value) {
  return value;
}
template <>
__device__ __forceinline__ bf16 from_float<bf16>(float value) {
  return __float2bfloat16_rn(value);
}

// --- Reductions. Every lane (thread) receives the result; the order of additions is fixed.
inline constexpr unsigned kWholeWarp = 0xffffffffu;
inline constexpr int kWarpSize = 32;

__device__ __forceinline__ float warp_sum(float value) {
#pragma unroll
  for (int lanes = kWarpSize / 2; lanes > 0; lanes /= 2) value += __shfl_xor_sync(kWholeWarp, value, lanes);
  return value;
}
__device__ __forceinline__ float warp_max(float value) {
#pragma unroll
  for (int lanes = kWarpSize / 2; lanes > 0; lanes /= 2) {
    value = fmaxf(value, __shfl_xor_sync(kWholeWarp, value, lanes));
  }
  return value;
}
__device__ __forceinline__ double warp_sum(double value) {
#pragma unroll
  for (int lanes = kWarpSize / 2; lanes > 0; lanes /= 2) value += __shfl_xor_sync(kWholeWarp, value, lanes);
  return value;
}

// Of a one-dimensional block of whole warps; all its threads call. T is float or double.
template <class T, class OfWarp>
__device__ T of_block(T value, T neutral, OfWarp of_warp) {
  SHARED_ARRAY(T, partial, [kWarpSize]);
  const int lane = static_cast<int>(threadIdx.x) % kWarpSize,
            warp = static_cast<int>(threadIdx.x) / kWarpSize;
  value = of_warp(value);
  if (lane == 0) partial[warp] = value;
  __syncthreads();
  value = of_warp(lane < static_cast<int>(blockDim.x) / kWarpSize ? partial[lane] : neutral);
  __syncthreads();  // the next call writes `partial` again
  return value;
}
template <class T>
__device__ T block_sum(T value) {
  return of_block(value, T(0), [](T mine) { return warp_sum(mine); });
}
template <class T>
__device__ T block_max(T value) {
  return of_block(value, T(-INFINITY), [](T mine) { return warp_max(mine); });
}

}  // namespace limner
