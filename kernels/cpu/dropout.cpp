#include "kernels/cpu/targets.h"
// Highway compiles what follows once per instruction set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/dropout.cpp"
#include "hwy/foreach_target.h"
//
#include <cstring>

#include "kernels/check.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/dropout_inl.h"
#include "kernels/cpu/rows.h"
#include "kernels/cpu/vector_inl.h"
#include "kernels/tuning.h"
#include "runtime/parallel.h"

HWY_BEFORE_NAMESPACE();
namespace limner::HWY_NAMESPACE {

template <class T>
void drop_rows(const Tensor& y, const Tensor& x, const Dropout& dropout, const Packing& packing,
               int64_t first, int64_t last, uint16_t* bits) {
  const int64_t width = x.columns();
  const Keep keep(dropout);
  const RandomBits random(dropout.key);
  TokenCursor cursor(packing, first);
  for (int64_t token = first; token < last; ++token, cursor.next()) {
    random.draw(bits, cursor.row_key(), cursor.position(), 0, width);
    const T* from = x.as<T>() + token * width;
    T* to = y.as<T>() + token * width;
    for (int64_t c = 0; c < width; c += kLanes) {
      const int64_t left = width - c;
      store_some(keep(load_some(from + c, left), bits + c), to + c, left);
    }
  }
}

void dropout_rows(const Tensor& y, const Tensor& x, const Dropout& dropout, const Packing& packing,
                  int64_t first, int64_t last, std::byte* scratch) {
  uint16_t* bits = reinterpret_cast<uint16_t*>(scratch);
  if (x.dtype == DType::f32) {
    drop_rows<float>(y, x, dropout, packing, first, last, bits);
  } else {
    drop_rows<bfloat16>(y, x, dropout, packing, first, last, bits);
  }
}

}  // namespace limner::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace limner {

HWY_EXPORT(dropout_rows);

void CpuBackend::dropout(Tensor y, Tensor x, const Dropout& dropout, const Packing& packing) {
  const char* const name = "dropout";
  check_float(name, "x", x);
  const int64_t tokens = x.rows(), width = x.columns();
  check_tensor(name, "x", x, x.dtype, {tokens, width});
  check_tensor(name, "y", y, x.dtype, {tokens, width});
  check_dropout(name, dropout);
  if (!dropout.active()) {
    if (y.data != x.data) std::memcpy(y.data, x.data, static_cast<size_t>(x.bytes()));
    return;
  }
  check_packing(name, packing, tokens);
  thread_scratch_.ensure(drawn_bytes(width));
  const int64_t piece = tuning::kTokensPerTask;
  parallel_for((tokens + piece - 1) / piece, threads_, [&](int64_t task) {
    HWY_DYNAMIC_DISPATCH(dropout_rows)
    (y, x, dropout, packing, task * piece, std::min(tokens, (task + 1) * piece), thread_scratch_.mine());
  });
}

}  // namespace limner
#endif
