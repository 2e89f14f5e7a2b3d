#include "kernels/cuda/check_device.h"
#include "kernels/cuda/chunk.h"
#include "kernels/cuda/cuda_backend.h"
#include "kernels/cuda/gpu.h"

namespace limner {

namespace {

template <class T>
struct Rotate {
  T* qkv;              // [tokens, packed]
  const float* table;  // [positions, head size]
  DevicePacking packing;
  int64_t packed, head_size;
  int heads;  // queries' and keys'
  float sign;
};

// One warp a token; a lane takes a chunk of a head's first half and the chunk that turns with it.
template <class T>
__global__ void __launch_bounds__(kTokenThreads) rotate_kernel(Rotate<T> call) {
  const int64_t token = token_index();
  if (token >= call.packing.tokens) return;
  const int64_t position = token - call.packing.cu_lengths[call.packing.token_rows[token]];
  const int64_t half = call.head_size / 2;
  const float* const turn = call.table + position * call.head_size;
  T* const heads = call.qkv + token * call.packed;
  const int chunks = static_cast<int>((half + kChunk - 1) / kChunk);
  for (int i = lane_index(); i < call.heads * chunks; i += kWarpSize) {
    const int64_t column = i % chunks * kChunk, left = half - column;
    T *const first = heads + i / chunks * call.head_size + column, *const second = first + half;
    const Chunk cosine = load_chunk(turn + column, left), sine = load_chunk(turn + half + column, left);
    Chunk a = load_chunk(first, left), b = load_chunk(second, left);
#pragma unroll
    for (int k = 0; k < kChunk; ++k) {
      const float before = a.value[k], s = call.sign * sine.value[k];
      a.value[k] = before * cosine.value[k] - b.value[k] * s;
      b.value[k] = b.value[k] * cosine.value[k] + before * s;
    }
    store_chunk(first, a, left);
    store_chunk(second, b, left);
  }
}

}  // namespace

void CudaBackend::rotate(Tensor qkv, Tensor table, const Packing& packing, const AttentionShape& shape,
                         Rotation rotation) {
  const char* const name = "rotate";
  check_float(name, "qkv", qkv);
  check_attention_shape(name, shape);
  const int64_t tokens = qkv.rows();
  check_device_tensor(name, "qkv", qkv, qkv.dtype, {tokens, shape.packed_width()});
  check_device_tensor(name, "table", table, DType::f32, {table.rows(), shape.head_size});
  check_packing(name, packing, tokens);
  check_rotation(name, table, packing, shape);
  const DevicePacking device = send(packing);
  with_device_type(qkv.dtype, [&]<class T>() {
    const Rotate<T> call{device_data<T>(qkv),
                         device_data<float>(table),
                         device,
                         shape.packed_width(),
                         shape.head_size,
                         static_cast<int>(shape.heads + shape.key_head_count()),
                         rotation == Rotation::forward ? 1.0f : -1.0f};
    launch(rotate_kernel<T>, token_blocks(tokens), kTokenThreads, 0, stream_, call);
  });
}

}  // namespace limner
