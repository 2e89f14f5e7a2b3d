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

struct Logistic {
  FloatVector above, below;
};
// s(2u) and s(-2u), neither by cancellation.
HWY_INLINE Logistic gelu_tanh_logistic(FloatVector x) {
  const auto cubic = hn::MulAdd(hn::Mul(x, x), constant(kGeluTanhB), constant(1.0f));
  const auto e = exp2(hn::Mul(cubic, hn::Mul(x, constant(2.0f * kLog2E * kGeluTanhA))));
  const auto below = hn::Div(constant(1.0f), hn::Add(constant(1.0f), e));
  return {hn::Mul(e, below), below};
}

// s(x) and s(-x).
HWY_INLINE Logistic logistic(FloatVector x) {
  const auto e = exp2(hn::Mul(x, constant(kLog2E)));
  const auto below = hn::Div(constant(1.0f), hn::Add(constant(1.0f), e));
  return {hn::Mul(e, below), below};
}

template <Activation kActivation>
HWY_INLINE FloatVector value_of(FloatVector x) {
  if constexpr (kActivation == Activation::gelu) return hn::Mul(x, normal_cdf(x));
  if constexpr (kActivation == Activation::gelu_tanh) return hn::Mul(x, gelu_tanh_logistic(x).above);
  if constexpr (kActivation == Activation::tanh) return tanh(x);
  if constexpr (kActivation == Activation::relu) return hn::Max(hn::Zero(Floats()), x);
  if constexpr (kActivation == Activation::silu) return hn::Mul(x, logistic(x).above);
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
  if constexpr (kActivation == Activation::silu) {
    const Logistic s = logistic(x);
    return hn::MulAdd(hn::Mul(x, s.below), s.above, s.above);
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

// Calls run.template operator()<activation>().
template <class Run>
HWY_INLINE void with_activation(Activation activation, const Run& run) {
  switch (activation) {
    case Activation::none:
      return run.template operator()<Activation::none>();
    case Activation::gelu:
      return run.template operator()<Activation::gelu>();
    case Activation::gelu_tanh:
      return run.template operator()<Activation::gelu_tanh>();
    case Activation::tanh:
      return run.template operator()<Activation::tanh>();
    case Activation::relu:
      return run.template operator()<Activation::relu>();
    case Activation::silu:
      return run.template operator()<Activation::silu>();
  }
}

template <class T>
void forward_tile(const Tensor& y, const Tensor& pre, Activation activation, const Tile& tile) {
  T* to = y.as<T>();
  const T* from = pre.as<T>();
  const int64_t width = y.columns();
  for (int64_t row = tile.row; row < tile.row + tile.rows; ++row) {
    const int64_t start = row * width + tile.column;
    with_activation(activation, [&]<Activation kActivation>() {
      forward_run<T, kActivation>(to + start, from + start, tile.columns);
    });
  }
}

void activation_forward_tile(const Tensor& y, const Tensor& pre, Activation activation, const Tile& tile) {
  if (y.dtype == DType::f32) {
    forward_tile<float>(y, pre, activation, tile);
  } else {
    forward_tile<bfloat16>(y, pre, activation, tile);
  }
}

template <class T>
void backward_run_of(const Tensor& dx, const Tensor& dy, const Tensor& pre, Activation activation,
                     int64_t first, int64_t count) {
  with_activation(activation, [&]<Activation kActivation>() {
    backward_run<T, kActivation>(dx.as<T>() + first, dy.as<T>() + first, pre.as<T>() + first, count);
  });
}

// One token's gate: x holds `width` numbers for the activation, then `width` to multiply with.
template <class T, Activation kActivation>
void gate_forward_token(T* y, const T* x, int64_t width) {
  for (int64_t c = 0; c < width; c += kLanes) {
    const int64_t left = width - c;
    const auto value = value_of<kActivation>(load_some(x + c, left));
    store_some(hn::Mul(value, load_some(x + width + c, left)), y + c, left);
  }
}

template <class T, Activation kActivation>
void gate_backward_token(T* dx, const T* dy, const T* x, int64_t width) {
  for (int64_t c = 0; c < width; c += kLanes) {
    const int64_t left = width - c;
    const auto pre = load_some(x + c, left), gradient = load_some(dy + c, left);
    const auto factor = load_some(x + width + c, left);
    store_some(hn::Mul(hn::Mul(gradient, factor), slope_of<kActivation>(pre)), dx + c, left);
    store_some(hn::Mul(gradient, value_of<kActivation>(pre)), dx + width + c, left);
  }
}

template <class T>
void gate_forward_of(const Tensor& y, const Tensor& x, Activation activation, int64_t first, int64_t last) {
  const int64_t width = y.columns();
  with_activation(activation, [&]<Activation kActivation>() {
    for (int64_t token = first; token < last; ++token) {
      gate_forward_token<T, kActivation>(y.as<T>() + token * width, x.as<T>() + 2 * token * width, width);
    }
  });
}

template <class T>
void gate_backward_of(const Tensor& dx, const Tensor& dy, const Tensor& x, Activation activation,
                      int64_t first, int64_t last) {
  const int64_t width = dy.columns();
  with_activation(activation, [&]<Activation kActivation>() {
    for (int64_t token = first; token < last; ++token) {
      gate_backward_token<T, kActivation>(dx.as<T>() + 2 * token * width, dy.as<T>() + token * width,
                                          x.as<T>() + 2 * token * width, width);
    }
  });
}

void gate_forward_tokens(const Tensor& y, const Tensor& x, Activation activation, int64_t first,
                         int64_t last) {
  if (y.dtype == DType::f32) {
    gate_forward_of<float>(y, x, activation, first, last);
  } else {
    gate_forward_of<bfloat16>(y, x, activation, first, last);
  }
}

void gate_backward_tokens(const Tensor& dx, const Tensor& dy, const Tensor& x, Activation activation,
                          int64_t first, int64_t last) {
  if (dy.dtype == DType::f32) {
    gate_backward_of<float>(dx, dy, x, activation, first, last);
  } else {
    gate_backward_of<bfloat16>(dx, dy, x, activation, first, last);
  }
}

void activation_backward_run(const Tensor& dx, const Tensor& dy, const Tensor& pre, Activation activation,
                             int64_t first, int64_t count) {
  if (dx.dtype == DType::f32) {
    backward_run_of<float>(dx, dy, pre, activation, first, count);
  } else {
    backward_run_of<bfloat16>(dx, dy, pre, activation, first, count);
  }
}

}  // namespace limner::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace limner {

HWY_EXPORT(activation_forward_tile);
HWY_EXPORT(activation_backward_run);
HWY_EXPORT(gate_forward_tokens);
HWY_EXPORT(gate_backward_tokens);

void activation_tile(const Tensor& y, const Tensor& pre, Activation activation, const Tile& tile) {
  HWY_DYNAMIC_DISPATCH(activation_forward_tile)(y, pre, activation, tile);
}

void CpuBackend::activation_forward(Tensor y, Tensor pre, Activation activation) {
  const char* const name = "activation_forward";
  check_float(name, "y", y);
  const int64_t tokens = y.rows(), width = y.columns();
  check_tensor(name, "y", y, y.dtype, {tokens, width});
  check_tensor(name, "pre", pre, y.dtype, {tokens, width});
  const int64_t piece = tuning::kTokensPerTask;
  parallel_for((tokens + piece - 1) / piece, threads_, [&](int64_t task) {
    activation_tile(y, pre, activation, {task * piece, 0, std::min(piece, tokens - task * piece), width});
  });
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

void CpuBackend::gate_forward(Tensor y, Tensor x, Activation activation) {
  const char* const name = "gate_forward";
  check_float(name, "y", y);
  const int64_t tokens = y.rows(), width = y.columns();
  check_tensor(name, "y", y, y.dtype, {tokens, width});
  check_tensor(name, "x", x, y.dtype, {tokens, 2 * width});
  const int64_t piece = tuning::kTokensPerTask;
  parallel_for((tokens + piece - 1) / piece, threads_, [&](int64_t task) {
    HWY_DYNAMIC_DISPATCH(gate_forward_tokens)
    (y, x, activation, task * piece, std::min(tokens, (task + 1) * piece));
  });
}

void CpuBackend::gate_backward(Tensor dx, Tensor dy, Tensor x, Activation activation) {
  const char* const name = "gate_backward";
  check_float(name, "dy", dy);
  const int64_t tokens = dy.rows(), width = dy.columns();
  check_tensor(name, "dy", dy, dy.dtype, {tokens, width});
  check_tensor(name, "dx", dx, dy.dtype, {tokens, 2 * width});
  check_tensor(name, "x", x, dy.dtype, {tokens, 2 * width});
  const int64_t piece = tuning::kTokensPerTask;
  parallel_for((tokens + piece - 1) / piece, threads_, [&](int64_t task) {
    HWY_DYNAMIC_DISPATCH(gate_backward_tokens)
    (dx, dy, x, activation, task * piece, std::min(tokens, (task + 1) * piece));
  });
}

}  // namespace limner
#endif
