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

namespace {

void check_pair(const char* name, const Tensor& dst, const Tensor& src) {
  check_float(name, "dst", dst);
  check_float(name, "src", src);
  require(dst.device == Device::cpu && src.device == Device::cpu && dst.elements() == src.elements(),
          "{}: dst is {}, src is {}", name, dst.description(), src.description());
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

}  // namespace limner
#endif
