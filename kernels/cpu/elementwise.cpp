#include "kernels/cpu/targets.h"
// Highway compiles what follows once per instruction set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/elementwise.cpp"
#include "hwy/foreach_target.h"
//
#include <cstring>

#include "kernels/check.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/vector_inl.h"
#include "kernels/tuning.h"
#include "runtime/parallel.h"

HWY_BEFORE_NAMESPACE();
namespace limner::HWY_NAMESPACE {

template <class To, class From>
void cast_elements(To* dst, const From* src, int64_t count) {
  for (int64_t i = 0; i < count; i += kLanes) store_some(load_some(src + i, count - i), dst + i, count - i);
}

template <class To, class From>
void add_elements(To* dst, const From* src, int64_t count) {
  for (int64_t i = 0; i < count; i += kLanes) {
    const int64_t left = count - i;
    store_some(hn::Add(load_some(dst + i, left), load_some(src + i, left)), dst + i, left);
  }
}

template <class T>
void add_scaled(T* to, const T* from, float factor, int64_t count) {
  for (int64_t i = 0; i < count; i += kLanes) {
    const int64_t left = count - i;
    const auto sum = hn::MulAdd(load_some(from + i, left), constant(factor), load_some(to + i, left));
    store_some(sum, to + i, left);
  }
}

template <class T>
void copy_scaled(T* to, const T* from, float factor, int64_t count) {
  for (int64_t i = 0; i < count; i += kLanes) {
    const int64_t left = count - i;
    store_some(hn::Mul(load_some(from + i, left), constant(factor)), to + i, left);
  }
}

// Rows of `whole` begin `column` elements in.
template <class T>
void add_columns_of(const Tensor& whole, int64_t column, const Tensor& part, float factor, int64_t first,
                    int64_t last) {
  for (int64_t row = first; row < last; ++row) {
    add_scaled(whole.as<T>() + row * whole.columns() + column, part.as<T>() + row * part.columns(), factor,
               part.columns());
  }
}

template <class T>
void copy_columns_of(const Tensor& part, const Tensor& whole, int64_t column, float factor, int64_t first,
                     int64_t last) {
  for (int64_t row = first; row < last; ++row) {
    copy_scaled(part.as<T>() + row * part.columns(), whole.as<T>() + row * whole.columns() + column, factor,
                part.columns());
  }
}

void add_columns_rows(const Tensor& whole, int64_t column, const Tensor& part, float factor, int64_t first,
                      int64_t last) {
  if (part.dtype == DType::f32) {
    add_columns_of<float>(whole, column, part, factor, first, last);
  } else {
    add_columns_of<bfloat16>(whole, column, part, factor, first, last);
  }
}

void copy_columns_rows(const Tensor& part, const Tensor& whole, int64_t column, float factor, int64_t first,
                       int64_t last) {
  if (part.dtype == DType::f32) {
    copy_columns_of<float>(part, whole, column, factor, first, last);
  } else {
    copy_columns_of<bfloat16>(part, whole, column, factor, first, last);
  }
}

void cast_run(const Tensor& dst, const Tensor& src, int64_t first, int64_t count) {
  if (dst.dtype == DType::f32) {
    cast_elements(dst.as<float>() + first, src.as<bfloat16>() + first, count);
  } else {
    cast_elements(dst.as<bfloat16>() + first, src.as<float>() + first, count);
  }
}

void add_run(const Tensor& dst, const Tensor& src, int64_t first, int64_t count) {
  if (dst.dtype == DType::f32) {
    add_elements(dst.as<float>() + first, src.as<float>() + first, count);
  } else {
    add_elements(dst.as<bfloat16>() + first, src.as<bfloat16>() + first, count);
  }
}

}  // namespace limner::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace limner {

HWY_EXPORT(cast_run);
HWY_EXPORT(add_run);
HWY_EXPORT(add_columns_rows);
HWY_EXPORT(copy_columns_rows);

namespace {

void check_pair(const char* name, const Tensor& dst, const Tensor& src) {
  check_float(name, "dst", dst);
  check_float(name, "src", src);
  require(dst.device == Device::cpu && src.device == Device::cpu && dst.elements() == src.elements(),
          "{}: dst is {}, src is {}", name, dst.description(), src.description());
}

void check_columns(const char* name, const Tensor& whole, int64_t first, const Tensor& part) {
  check_float(name, "part", part);
  check_tensor(name, "part", part, part.dtype, {part.rows(), part.columns()});
  check_tensor(name, "whole", whole, part.dtype, {part.rows(), whole.columns()});
  require(first >= 0 && first + part.columns() <= whole.columns(), "{}: columns {} to {} of {}", name, first,
          first + part.columns(), whole.description());
}

}  // namespace

void CpuBackend::cast(Tensor dst, Tensor src) {
  check_pair("cast", dst, src);
  if (dst.dtype == src.dtype) {
    std::memcpy(dst.data, src.data, static_cast<size_t>(src.bytes()));
    return;
  }
  const int64_t elements = src.elements(), piece = tuning::kElementsPerTask;
  parallel_for((elements + piece - 1) / piece, threads_, [&](int64_t task) {
    HWY_DYNAMIC_DISPATCH(cast_run)(dst, src, task * piece, std::min(piece, elements - task * piece));
  });
}

void CpuBackend::add(Tensor dst, Tensor src) {
  check_pair("add", dst, src);
  require(dst.dtype == src.dtype, "add: dst is {}, src is {}", dst.description(), src.description());
  const int64_t elements = src.elements(), piece = tuning::kElementsPerTask;
  parallel_for((elements + piece - 1) / piece, threads_, [&](int64_t task) {
    HWY_DYNAMIC_DISPATCH(add_run)(dst, src, task * piece, std::min(piece, elements - task * piece));
  });
}

void CpuBackend::fill_zero(Tensor dst) {
  const int64_t bytes = dst.bytes(), piece = tuning::kElementsPerTask * dtype_bytes(DType::f32);
  parallel_for((bytes + piece - 1) / piece, threads_, [&](int64_t task) {
    std::memset(static_cast<std::byte*>(dst.data) + task * piece, 0,
                static_cast<size_t>(std::min(piece, bytes - task * piece)));
  });
}

void CpuBackend::add_columns(Tensor whole, int64_t first, Tensor part, float factor) {
  check_columns("add_columns", whole, first, part);
  const int64_t rows = part.rows(), piece = tuning::kTokensPerTask;
  parallel_for((rows + piece - 1) / piece, threads_, [&](int64_t task) {
    HWY_DYNAMIC_DISPATCH(add_columns_rows)
    (whole, first, part, factor, task * piece, std::min(rows, (task + 1) * piece));
  });
}

void CpuBackend::copy_columns(Tensor part, Tensor whole, int64_t first, float factor) {
  check_columns("copy_columns", whole, first, part);
  const int64_t rows = part.rows(), piece = tuning::kTokensPerTask;
  parallel_for((rows + piece - 1) / piece, threads_, [&](int64_t task) {
    HWY_DYNAMIC_DISPATCH(copy_columns_rows)
    (part, whole, first, factor, task * piece, std::min(rows, (task + 1) * piece));
  });
}

}  // namespace limner
#endif
