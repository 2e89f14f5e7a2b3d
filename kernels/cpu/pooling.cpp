#include "kernels/cpu/targets.h"
// Highway compiles what follows once per instruction set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/pooling.cpp"
#include "hwy/foreach_target.h"
//
#include <algorithm>
#include <cmath>

#include "kernels/check.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/vector_inl.h"
#include "runtime/parallel.h"

#ifndef LIMNER_POOLING_WEIGHT
#define LIMNER_POOLING_WEIGHT
namespace limner {

// The tokens of a row that are pooled: positions begin..end - 1 of it.
struct PooledRange {
  int64_t begin, end;
  PooledRange(int64_t length, int64_t skipped) : begin(std::min(skipped, length)), end(length) {}
  bool empty() const { return begin == end; }
};

// The share of token `position`, one of the range, in the row's vector, for every pooling but max.
inline float pooling_weight(Pooling pooling, int64_t position, const PooledRange& range) {
  const float tokens = static_cast<float>(range.end - range.begin);
  if (pooling == Pooling::mean) return 1.0f / tokens;
  if (pooling == Pooling::cls) return position == range.begin ? 1.0f : 0.0f;
  if (pooling == Pooling::last) return position == range.end - 1 ? 1.0f : 0.0f;
  // weighted_mean: the weights are begin + 1, …, end
  return 2.0f * static_cast<float>(position + 1) / (tokens * static_cast<float>(range.begin + range.end + 1));
}

}  // namespace limner
#endif

HWY_BEFORE_NAMESPACE();
namespace limner::HWY_NAMESPACE {

template <class T>
void weighted_row(float* pooled, const T* x, const PooledRange& range, int64_t width, Pooling pooling) {
  for (int64_t c = 0; c < width; c += kLanes) {
    const int64_t left = width - c;
    FloatVector sum = hn::Zero(Floats());
    for (int64_t position = range.begin; position < range.end; ++position) {
      const float weight = pooling_weight(pooling, position, range);
      if (weight == 0.0f) continue;
      sum = hn::MulAdd(load_some(x + position * width + c, left), constant(weight), sum);
    }
    store_some(sum, pooled + c, left);
  }
}

template <class T>
void max_row(float* pooled, int32_t* argmax, const T* x, const PooledRange& range, int64_t width) {
  for (int64_t c = 0; c < width; c += kLanes) {
    const int64_t left = width - c;
    FloatVector best = load_some(x + range.begin * width + c, left);
    auto where = hn::Set(Integers(), static_cast<int32_t>(range.begin));
    for (int64_t position = range.begin + 1; position < range.end; ++position) {
      const FloatVector value = load_some(x + position * width + c, left);
      const auto better = hn::Gt(value, best);
      best = hn::IfThenElse(better, value, best);
      where = hn::IfThenElse(hn::RebindMask(Integers(), better),
                             hn::Set(Integers(), static_cast<int32_t>(position)), where);
    }
    store_some(best, pooled + c, left);
    if (argmax != nullptr) {
      int32_t lanes[kLanes];
      hn::StoreU(where, Integers(), lanes);
      std::memcpy(argmax + c, lanes, static_cast<size_t>(std::min(left, kLanes)) * sizeof(int32_t));
    }
  }
}

template <class T>
void pool_row_of(const Tensor& pooled, const Tensor& argmax, const Tensor& x, int64_t row, int64_t first,
                 const PooledRange& range, Pooling pooling) {
  const int64_t width = x.columns();
  float* to = pooled.as<float>() + row * width;
  int32_t* where = argmax.absent() ? nullptr : argmax.as<int32_t>() + row * width;
  if (range.empty()) {
    std::fill(to, to + width, 0.0f);
    if (where != nullptr) std::fill(where, where + width, -1);
    return;
  }
  const T* from = x.as<T>() + first * width;
  if (pooling == Pooling::max) {
    max_row(to, where, from, range, width);
  } else {
    weighted_row(to, from, range, width, pooling);
  }
}

template <class T>
void unpool_row_of(const Tensor& dx, Write write, const Tensor& dpooled, const Tensor& argmax, int64_t row,
                   int64_t first, const PooledRange& range, Pooling pooling) {
  const int64_t width = dx.columns();
  const float* from = dpooled.as<float>() + row * width;
  const int32_t* where = pooling == Pooling::max ? argmax.as<int32_t>() + row * width : nullptr;
  for (int64_t position = 0; position < range.end; ++position) {
    T* to = dx.as<T>() + (first + position) * width;
    const float weight = position < range.begin ? 0.0f
                         : where != nullptr     ? 1.0f
                                                : pooling_weight(pooling, position, range);
    for (int64_t c = 0; c < width; c += kLanes) {
      const int64_t left = width - c;
      FloatVector gradient = hn::Mul(load_some(from + c, left), constant(weight));
      if (where != nullptr) {
        int32_t lanes[kLanes] = {};
        std::memcpy(lanes, where + c, static_cast<size_t>(std::min(left, kLanes)) * sizeof(int32_t));
        const auto here =
            hn::Eq(hn::LoadU(Integers(), lanes), hn::Set(Integers(), static_cast<int32_t>(position)));
        gradient = hn::IfThenElseZero(hn::RebindMask(Floats(), here), gradient);
      }
      if (write == Write::add) gradient = hn::Add(gradient, load_some(to + c, left));
      store_some(gradient, to + c, left);
    }
  }
}

void pool_row(const Tensor& pooled, const Tensor& argmax, const Tensor& x, int64_t row, int64_t first,
              const PooledRange& range, Pooling pooling) {
  if (x.dtype == DType::f32) {
    pool_row_of<float>(pooled, argmax, x, row, first, range, pooling);
  } else {
    pool_row_of<bfloat16>(pooled, argmax, x, row, first, range, pooling);
  }
}

void unpool_row(const Tensor& dx, Write write, const Tensor& dpooled, const Tensor& argmax, int64_t row,
                int64_t first, const PooledRange& range, Pooling pooling) {
  if (dx.dtype == DType::f32) {
    unpool_row_of<float>(dx, write, dpooled, argmax, row, first, range, pooling);
  } else {
    unpool_row_of<bfloat16>(dx, write, dpooled, argmax, row, first, range, pooling);
  }
}

void normalize_row(float* row, int64_t width) {
  FloatVector total = hn::Zero(Floats());
  for (int64_t c = 0; c < width; c += kLanes) {
    const FloatVector value = load_some(row + c, width - c);
    total = hn::MulAdd(value, value, total);
  }
  const float length = std::sqrt(sum_of_lanes(total));
  if (length == 0.0f) return;
  for (int64_t c = 0; c < width; c += kLanes) {
    const int64_t left = width - c;
    store_some(hn::Div(load_some(row + c, left), constant(length)), row + c, left);
  }
}

}  // namespace limner::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace limner {

HWY_EXPORT(pool_row);
HWY_EXPORT(unpool_row);
HWY_EXPORT(normalize_row);

void CpuBackend::pool_forward(Tensor pooled, Tensor argmax, Tensor x, const Packing& packing, Pooling pooling,
                              int64_t skipped) {
  const char* const name = "pool_forward";
  check_float(name, "x", x);
  const int64_t tokens = x.rows(), width = x.columns();
  check_tensor(name, "x", x, x.dtype, {tokens, width});
  check_packing(name, packing, tokens);
  check_tensor(name, "pooled", pooled, DType::f32, {packing.rows(), width});
  check_optional(name, "argmax", argmax, DType::i32, {packing.rows(), width});
  parallel_for(packing.rows(), threads_, [&](int64_t row) {
    const int64_t first = packing.cu_lengths[static_cast<size_t>(row)];
    const PooledRange range(packing.cu_lengths[static_cast<size_t>(row) + 1] - first, skipped);
    HWY_DYNAMIC_DISPATCH(pool_row)(pooled, argmax, x, row, first, range, pooling);
  });
}

void CpuBackend::pool_backward(Tensor dx, Write write, Tensor dpooled, Tensor argmax, const Packing& packing,
                               Pooling pooling, int64_t skipped) {
  const char* const name = "pool_backward";
  check_float(name, "dx", dx);
  const int64_t tokens = dx.rows(), width = dx.columns();
  check_tensor(name, "dx", dx, dx.dtype, {tokens, width});
  check_packing(name, packing, tokens);
  check_tensor(name, "dpooled", dpooled, DType::f32, {packing.rows(), width});
  if (pooling == Pooling::max) check_tensor(name, "argmax", argmax, DType::i32, {packing.rows(), width});
  parallel_for(packing.rows(), threads_, [&](int64_t row) {
    const int64_t first = packing.cu_lengths[static_cast<size_t>(row)];
    const PooledRange range(packing.cu_lengths[static_cast<size_t>(row) + 1] - first, skipped);
    HWY_DYNAMIC_DISPATCH(unpool_row)(dx, write, dpooled, argmax, row, first, range, pooling);
  });
}

void CpuBackend::normalize_rows(Tensor x) {
  check_tensor("normalize_rows", "x", x, DType::f32, {x.rows(), x.columns()});
  parallel_for(x.rows(), threads_, [&](int64_t row) {
    HWY_DYNAMIC_DISPATCH(normalize_row)(x.as<float>() + row * x.columns(), x.columns());
  });
}

}  // namespace limner
#endif
