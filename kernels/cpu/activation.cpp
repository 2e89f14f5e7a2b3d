#include "kernels/cpu/targets.h"
// Highway compiles what follows once per instruction set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/activation.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/check.h"
#include "kernels/cpu/activation.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/vector_inl.h"
#include "kernels/tuning.h"
#include "runtime/parallel.h"

HWY_BEFORE_NAMESPACE();
namespace limner::HWY_NAMESPACE {

// The tanh form: gelu(x) = x (1 + tanh u) / 2 = x s(2u), u = a (x + b x^3), s the logistic function.
constexpr float kGeluTanhA = 0.7978845608028654f;  // sqrt(2 / pi)
constexpr float kGeluTanhB = 0.044715f;
constexpr float kNormalPeak = 0.3989422804014327f;  // 1 / sqrt(2 pi)

// s(2u) and s(-2u), neither by cancellation.
struct Logistic {
  FloatVector above, below;
};
HWY_INLINE Logistic gelu_tanh_logistic(FloatVector x) {
  const auto cubic = hn::MulAdd(hn::Mul(x, x), constant(kGeluTanhB), constant(1.0f));
  const auto e = exp2(hn::Mul(cubic, hn::Mul(x, constant(2.0f * kLog2E * kGeluTanhA))));
  const auto below = hn::Div(constant(1.0f), hn::Add(constant(1.0f), e));
  return {hn::Mul(e, below), below};
}

template <Activation kActivation>
HWY_INLINE FloatVector value_of(FloatVector x) {
  if constexpr (kActivation == Activation::gelu) return hn::Mul(x, normal_cdf(x));
  if constexpr (kActivation == Activation::gelu_tanh) return hn::Mul(x, gelu_tanh_logistic(x).above);
  if constexpr (kActivation == Activation::tanh) return tanh(x);
  if constexpr (kActivation == Activation::relu) return hn::Max(hn::Zero(Floats()), x);
  if constexpr (kActivation == Activation::none) return x;
}

template <Activation kActivation>
HWY_INLINE FloatVector slope_of(FloatVector x) {
  if constexpr (kActivation == Activation::gelu) {
    const auto density = exp2(hn::Mul(hn::Mul(x, x), constant(-0.5f * kLog2E)));
    return hn::MulAdd(hn::Mul(x, density), constant(kNormalPeak), normal_cdf(x));
  }
  if constexpr (kActivation == Activation::gelu_tanh) {
    const Logistic s = gelu_tanh_logistic(x);
    const auto inner_slope =
        hn::MulAdd(hn::Mul(x, x), constant(6.0f * kGeluTanhA * kGeluTanhB), constant(2.0f * kGeluTanhA));
    return hn::MulAdd(hn::Mul(s.above, s.below), hn::Mul(x, inner_slope), s.above);
  }
  if constexpr (kActivation == Activation::tanh) {
    const auto t = tanh(x);
    return hn::NegMulAdd(t, t, constant(1.0f));
  }
  if constexpr (kActivation == Activation::relu) {
    return hn::IfThenElseZero(hn::Gt(x, hn::Zero(Floats())), constant(1.0f));
  }
  if constexpr (kActivation == Activation::none) return constant(1.0f);
}

template <class T, Activation kActivation>
void forward_run(T* y, const T* pre, int64_t count) {
  for (int64_t i = 0; i < count; i += kLanes) {
    const int64_t left = count - i;
    store_some(value_of<kActivation>(load_some(pre + i, left)), y + i, left);
  }
}

template <class T, Activation kActivation>
void backward_run(T* dx, const T* dy, const T* pre, int64_t count) {
  for (int64_t i = 0; i < count; i += kLanes) {
    const int64_t left = count - i;
    const auto slope = slope_of<kActivation>(load_some(pre + i, left));
    store_some(hn::Mul(load_some(dy + i, left), slope), dx + i, left);
  }
}

template <class T>
void forward_run(T* y, const T* pre, int64_t count, Activation activation) {
  switch (activation) {
    case Activation::none:
      return forward_run<T, Activation::none>(y, pre, count);
    case Activation::gelu:
      return forward_run<T, Activation::gelu>(y, pre, count);
    case Activation::gelu_tanh:
      return forward_run<T, Activation::gelu_tanh>(y, pre, count);
    case Activation::tanh:
      return forward_run<T, Activation::tanh>(y, pre, count);
    case Activation::relu:
      return forward_run<T, Activation::relu>(y, pre, count);
  }
}

template <class T>
void backward_run(T* dx, const T* dy, const T* pre, int64_t count, Activation activation) {
  switch (activation) {
    case Activation::none:
      return backward_run<T, Activation::none>(dx, dy, pre, count);
    case Activation::gelu:
      return backward_run<T, Activation::gelu>(dx, dy, pre, count);
    case Activation::gelu_tanh:
      return backward_run<T, Activation::gelu_tanh>(dx, dy, pre, count);
    case Activation::tanh:
      return backward_run<T, Activation::tanh>(dx, dy, pre, count);
    case Activation::relu:
      return backward_run<T, Activation::relu>(dx, dy, pre, count);
  }
}

template <class T>
void forward_tile(const Tensor& y, const Tensor& pre, Activation activation, const Tile& tile) {
  T* to = y.as<T>();
  const T* from = pre.as<T>();
  const int64_t width = y.columns();
  for (int64_t row = tile.row; row < tile.row + tile.rows; ++row) {
    const int64_t start = row * width + tile.column;
    forward_run(to + start, from + start, tile.columns, activation);
  }
}

void activation_forward_tile(const Tensor& y, const Tensor& pre, Activation activation, const Tile& tile) {
  if (y.dtype == DType::f32) {
    forward_tile<float>(y, pre, activation, tile);
  } else {
    forward_tile<bfloat16>(y, pre, activation, tile);
  }
}

void activation_backward_run(const Tensor& dx, const Tensor& dy, const Tensor& pre, Activation activation,
                             int64_t first, int64_t count) {
  if (dx.dtype == DType::f32) {
    backward_run(dx.as<float>() + first, dy.as<float>() + first, pre.as<float>() + first, count, activation);
  } else {
    backward_run(dx.as<bfloat16>() + first, dy.as<bfloat16>() + first, pre.as<bfloat16>() + first, count,
                 activation);
  }
}

}  // namespace limner::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace limner {

HWY_EXPORT(activation_forward_tile);
HWY_EXPORT(activation_backward_run);

void activation_tile(const Tensor& y, const Tensor& pre, Activation activation, const Tile& tile) {
  HWY_DYNAMIC_DISPATCH(activation_forward_tile)(y, pre, activation, tile);
}

void CpuBackend::activation_backward(Tensor dx, Tensor dy, Tensor pre, Activation activation) {
  const char* const name = "activation_backward";
  check_float(name, "dy", dy);
  check_tensor(name, "dy", dy, dy.dtype, {dy.rows(), dy.columns()});
  check_tensor(name, "dx", dx, dy.dtype, {dy.rows(), dy.columns()});
  check_tensor(name, "pre", pre, dy.dtype, {dy.rows(), dy.columns()});
  const int64_t elements = dy.elements(), piece = tuning::kElementsPerTask;
  parallel_for((elements + piece - 1) / piece, threads_, [&](int64_t task) {
    const int64_t first = task * piece;
    HWY_DYNAMIC_DISPATCH(activation_backward_run)
    (dx, dy, pre, activation, first, std::min(piece, elements - first));
  });
}

}  // namespace limner
#endif
