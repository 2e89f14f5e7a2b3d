#include "kernels/cpu/targets.h"
// Highway compiles what follows once per instruction set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/rotate.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/check.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/rows.h"
#include "kernels/cpu/vector_inl.h"
#include "kernels/tuning.h"
#include "runtime/parallel.h"

HWY_BEFORE_NAMESPACE();
namespace limner::HWY_NAMESPACE {

// x[i], x[i + half] of one head; `turn` holds half cosines, then half sines.
template <class T>
HWY_INLINE void rotate_head(T* head, const float* turn, int64_t half, FloatVector sign) {
  for (int64_t i = 0; i < half; i += kLanes) {
    const int64_t left = half - i;
    const FloatVector cosine = load_some(turn + i, left),
                      sine = hn::Mul(sign, load_some(turn + half + i, left));
    const FloatVector a = load_some(head + i, left), b = load_some(head + half + i, left);
    store_some(hn::NegMulAdd(b, sine, hn::Mul(a, cosine)), head + i, left);
    store_some(hn::MulAdd(a, sine, hn::Mul(b, cosine)), head + half + i, left);
  }
}

template <class T>
void rotate_range(const Tensor& qkv, const Tensor& table, const Packing& packing, const AttentionShape& shape,
                  Rotation rotation, int64_t first, int64_t last) {
  const int64_t size = shape.head_size, heads = shape.heads + shape.key_head_count();
  const FloatVector sign = constant(rotation == Rotation::forward ? 1.0f : -1.0f);
  TokenCursor cursor(packing, first);
  for (int64_t token = first; token < last; ++token, cursor.next()) {
    const float* turn = table.as<float>() + cursor.position() * size;
    T* head = qkv.as<T>() + token * shape.packed_width();
    for (int64_t index = 0; index < heads; ++index) rotate_head(head + index * size, turn, size / 2, sign);
  }
}

void rotate_tokens(const Tensor& qkv, const Tensor& table, const Packing& packing,
                   const AttentionShape& shape, Rotation rotation, int64_t first, int64_t last) {
  if (qkv.dtype == DType::f32) {
    rotate_range<float>(qkv, table, packing, shape, rotation, first, last);
  } else {
    rotate_range<bfloat16>(qkv, table, packing, shape, rotation, first, last);
  }
}

}  // namespace limner::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace limner {

HWY_EXPORT(rotate_tokens);

void CpuBackend::rotate(Tensor qkv, Tensor table, const Packing& packing, const AttentionShape& shape,
                        Rotation rotation) {
  const char* const name = "rotate";
  check_float(name, "qkv", qkv);
  check_attention_shape(name, shape);
  const int64_t tokens = qkv.rows();
  check_tensor(name, "qkv", qkv, qkv.dtype, {tokens, shape.packed_width()});
  check_tensor(name, "table", table, DType::f32, {table.rows(), shape.head_size});
  check_packing(name, packing, tokens);
  check_rotation(name, table, packing, shape);
  const int64_t piece = tuning::kTokensPerTask;
  parallel_for((tokens + piece - 1) / piece, threads_, [&](int64_t task) {
    HWY_DYNAMIC_DISPATCH(rotate_tokens)
    (qkv, table, packing, shape, rotation, task * piece, std::min(tokens, (task + 1) * piece));
  });
}

}  // namespace limner
#endif
