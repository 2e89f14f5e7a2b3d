#include "kernels/cpu/targets.h"
// Highway compiles what follows once per instruction set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/column_sums.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/cpu/column_sums.h"
#include "kernels/cpu/vector_inl.h"

HWY_BEFORE_NAMESPACE();
namespace limner::HWY_NAMESPACE {

template <class T>
void sum_columns(float* sums, const T* x, int64_t width, int64_t columns, int64_t count) {
  constexpr int64_t kVectors = 4;
  int64_t c = 0;
  for (; c + kVectors * kLanes <= columns; c += kVectors * kLanes) {
    FloatVector sum0 = load(sums + c), sum1 = load(sums + c + kLanes);
    FloatVector sum2 = load(sums + c + 2 * kLanes), sum3 = load(sums + c + 3 * kLanes);
    for (int64_t token = 0; token < count; ++token) {
      const T* from = x + token * width + c;
      sum0 = hn::Add(sum0, load(from));
      sum1 = hn::Add(sum1, load(from + kLanes));
      sum2 = hn::Add(sum2, load(from + 2 * kLanes));
      sum3 = hn::Add(sum3, load(from + 3 * kLanes));
    }
    store(sum0, sums + c);
    store(sum1, sums + c + kLanes);
    store(sum2, sums + c + 2 * kLanes);
    store(sum3, sums + c + 3 * kLanes);
  }
  for (; c < columns; c += kLanes) {
    const int64_t left = columns - c;
    FloatVector sum = load_some(sums + c, left);
    for (int64_t token = 0; token < count; ++token) {
      sum = hn::Add(sum, load_some(x + token * width + c, left));
    }
    store_some(sum, sums + c, left);
  }
}

void sum_columns_of(float* sums, const Tensor& x, int64_t column, int64_t columns, int64_t first,
                    int64_t count) {
  const int64_t start = first * x.columns() + column;
  if (x.dtype == DType::f32) {
    sum_columns(sums, x.as<float>() + start, x.columns(), columns, count);
  } else {
    sum_columns(sums, x.as<bfloat16>() + start, x.columns(), columns, count);
  }
}

}  // namespace limner::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace limner {

HWY_EXPORT(sum_columns_of);

void add_column_sums(float* sums, const Tensor& x, int64_t column, int64_t columns, int64_t first,
                     int64_t count) {
  HWY_DYNAMIC_DISPATCH(sum_columns_of)(sums, x, column, columns, first, count);
}

}  // namespace limner
#endif
