#include "kernels/cpu/targets.h"
// Highway compiles what follows once per instruction set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/norm.cpp"
#include "hwy/foreach_target.h"
//
#include <cmath>

#include "kernels/check.h"
#include "kernels/cpu/column_sums.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/dropout_inl.h"
#include "kernels/cpu/rows.h"
#include "kernels/cpu/vector_inl.h"
#include "kernels/tuning.h"
#include "runtime/parallel.h"

#ifndef LIMNER_NORM_ARGUMENTS
#define LIMNER_NORM_ARGUMENTS
namespace limner {

struct NormForward {
  Tensor y, sum, mean, rstd, x, residual, gamma, beta;
  NormKind kind;
  float epsilon;
  Dropout dropout;
  const Packing& packing;
};

struct NormBackward {
  Tensor dsum;
  Write write;
  Tensor dx, dy, sum, mean, rstd, gamma;
  NormKind kind;
  Dropout dropout;
  const Packing& packing;
};

}  // namespace limner
#endif

HWY_BEFORE_NAMESPACE();
namespace limner::HWY_NAMESPACE {

template <class T>
HWY_INLINE T* row_of(const Tensor& tensor, int64_t token) {
  return tensor.absent() ? nullptr : tensor.as<T>() + token * tensor.columns();
}

// to = residual + dropout(x) in T; returns the sum of the row as rounded.
template <class T>
float add_residual(T* to, const T* x, const T* residual, const uint16_t* bits, const Dropout& dropout,
                   int64_t width) {
  const Keep keep(dropout);
  FloatVector total = hn::Zero(Floats());
  for (int64_t c = 0; c < width; c += kLanes) {
    const int64_t left = width - c;
    FloatVector value = load_some(x + c, left);
    if (bits != nullptr) value = keep(value, bits + c);
    if (residual != nullptr) value = hn::Add(value, load_some(residual + c, left));
    store_some(value, to + c, left);
    total = hn::Add(total, load_some(to + c, left));
  }
  return sum_of_lanes(total);
}

// Sum over the row of (value - mean)^2.
template <class T>
float squared_distance(const T* row, float mean, int64_t width) {
  FloatVector total = hn::Zero(Floats());
  int64_t c = 0;
  for (; c + kLanes <= width; c += kLanes) {
    const FloatVector centred = hn::Sub(load(row + c), constant(mean));
    total = hn::MulAdd(centred, centred, total);
  }
  float sum = sum_of_lanes(total);
  for (; c < width; ++c) {
    const float centred = static_cast<float>(row[c]) - mean;
    sum += centred * centred;
  }
  return sum;
}

template <class T>
void forward_rows(const NormForward& call, int64_t first, int64_t last, uint16_t* bits) {
  const int64_t width = call.y.columns();
  const bool drops = call.dropout.active();
  const RandomBits random(call.dropout.key);
  TokenCursor cursor(call.packing, drops ? first : 0);
  for (int64_t token = first; token < last; ++token) {
    if (drops) {
      random.draw(bits, cursor.row_key(), cursor.position(), 0, width);
      cursor.next();
    }
    T* y = row_of<T>(call.y, token);
    T* sum = call.sum.absent() ? y : row_of<T>(call.sum, token);  // y holds the sum until it is overwritten
    const float total = add_residual<T>(sum, row_of<T>(call.x, token), row_of<T>(call.residual, token),
                                        drops ? bits : nullptr, call.dropout, width);
    const float mean = call.kind == NormKind::layer ? total / static_cast<float>(width) : 0.0f;
    const float variance = squared_distance(sum, mean, width) / static_cast<float>(width);
    const float rstd = 1.0f / std::sqrt(variance + call.epsilon);
    const float* gamma = call.gamma.as<float>();
    const float* beta = call.beta.absent() ? nullptr : call.beta.as<float>();
    for (int64_t c = 0; c < width; c += kLanes) {
      const int64_t left = width - c;
      const FloatVector scaled = hn::Mul(hn::Sub(load_some(sum + c, left), constant(mean)), constant(rstd));
      const FloatVector shift = beta == nullptr ? hn::Zero(Floats()) : load_some(beta + c, left);
      store_some(hn::MulAdd(scaled, load_some(gamma + c, left), shift), y + c, left);
    }
    if (!call.mean.absent()) call.mean.as<float>()[token] = mean;
    if (!call.rstd.absent()) call.rstd.as<float>()[token] = rstd;
  }
}

// Adds this range of tokens to the partial sums dgamma and dbeta, both [width]; dbeta may be null.
template <class T>
void backward_rows(const NormBackward& call, int64_t first, int64_t last, float* dgamma, float* dbeta,
                   uint16_t* bits) {
  const int64_t width = call.dy.columns();
  const bool drops = call.dropout.active() && !call.dx.absent();
  const Keep keep(call.dropout);
  const float* gamma = call.gamma.as<float>();
  const RandomBits random(call.dropout.key);
  TokenCursor cursor(call.packing, drops ? first : 0);
  for (int64_t token = first; token < last; ++token) {
    const T* dy = row_of<T>(call.dy, token);
    const T* sum = row_of<T>(call.sum, token);
    const auto mean = constant(call.kind == NormKind::layer ? call.mean.as<float>()[token] : 0.0f);
    const auto rstd = constant(call.rstd.as<float>()[token]);
    FloatVector total = hn::Zero(Floats()), total_normal = hn::Zero(Floats());
    for (int64_t c = 0; c < width; c += kLanes) {
      const int64_t left = width - c;
      const FloatVector gradient = load_some(dy + c, left);
      const FloatVector normal = hn::Mul(hn::Sub(load_some(sum + c, left), mean), rstd);
      store_some(hn::MulAdd(gradient, normal, load_some(dgamma + c, left)), dgamma + c, left);
      if (dbeta != nullptr) store_some(hn::Add(gradient, load_some(dbeta + c, left)), dbeta + c, left);
      const FloatVector weighted = hn::Mul(gradient, load_some(gamma + c, left));
      total = hn::Add(total, weighted);
      total_normal = hn::MulAdd(weighted, normal, total_normal);
    }
    const auto average =
        constant(call.kind == NormKind::layer ? sum_of_lanes(total) / static_cast<float>(width) : 0.0f);
    const auto average_normal = constant(sum_of_lanes(total_normal) / static_cast<float>(width));
    if (drops) {
      random.draw(bits, cursor.row_key(), cursor.position(), 0, width);
      cursor.next();
    }
    T* dsum = row_of<T>(call.dsum, token);
    T* dx = row_of<T>(call.dx, token);
    for (int64_t c = 0; c < width; c += kLanes) {
      const int64_t left = width - c;
      const FloatVector normal = hn::Mul(hn::Sub(load_some(sum + c, left), mean), rstd);
      const FloatVector weighted = hn::Mul(load_some(dy + c, left), load_some(gamma + c, left));
      const FloatVector centred = hn::NegMulAdd(normal, average_normal, hn::Sub(weighted, average));
      FloatVector gradient = hn::Mul(centred, rstd);
      if (call.write == Write::add) gradient = hn::Add(gradient, load_some(dsum + c, left));
      store_some(gradient, dsum + c, left);
      if (dx == nullptr) continue;
      store_some(drops ? keep(gradient, bits + c) : gradient, dx + c, left);
    }
  }
}

void norm_forward_rows(const NormForward& call, int64_t first, int64_t last, std::byte* scratch) {
  uint16_t* bits = reinterpret_cast<uint16_t*>(scratch);
  if (call.y.dtype == DType::f32) {
    forward_rows<float>(call, first, last, bits);
  } else {
    forward_rows<bfloat16>(call, first, last, bits);
  }
}

void norm_backward_rows(const NormBackward& call, int64_t first, int64_t last, float* dgamma, float* dbeta,
                        std::byte* scratch) {
  uint16_t* bits = reinterpret_cast<uint16_t*>(scratch);
  if (call.dy.dtype == DType::f32) {
    backward_rows<float>(call, first, last, dgamma, dbeta, bits);
  } else {
    backward_rows<bfloat16>(call, first, last, dgamma, dbeta, bits);
  }
}

}  // namespace limner::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace limner {

HWY_EXPORT(norm_forward_rows);
HWY_EXPORT(norm_backward_rows);

void CpuBackend::norm_forward(Tensor y, Tensor sum, Tensor mean, Tensor rstd, Tensor x, Tensor residual,
                              Tensor gamma, Tensor beta, NormKind kind, float epsilon, const Dropout& dropout,
                              const Packing& packing) {
  const char* const name = "norm_forward";
  check_float(name, "x", x);
  const int64_t tokens = x.rows(), width = x.columns();
  check_tensor(name, "x", x, x.dtype, {tokens, width});
  check_tensor(name, "y", y, x.dtype, {tokens, width});
  check_optional(name, "sum", sum, x.dtype, {tokens, width});
  check_optional(name, "mean", mean, DType::f32, {tokens});
  check_optional(name, "rstd", rstd, DType::f32, {tokens});
  check_optional(name, "residual", residual, x.dtype, {tokens, width});
  check_tensor(name, "gamma", gamma, DType::f32, {width});
  check_optional(name, "beta", beta, DType::f32, {width});
  require(kind == NormKind::layer || mean.absent(), "{}: rms has no mean", name);
  check_dropout(name, dropout);
  if (dropout.active()) check_packing(name, packing, tokens);

  thread_scratch_.ensure(drawn_bytes(width));
  const NormForward call{y, sum, mean, rstd, x, residual, gamma, beta, kind, epsilon, dropout, packing};
  const int64_t piece = tuning::kTokensPerTask;
  parallel_for((tokens + piece - 1) / piece, threads_, [&](int64_t task) {
    HWY_DYNAMIC_DISPATCH(norm_forward_rows)
    (call, task * piece, std::min(tokens, (task + 1) * piece), thread_scratch_.mine());
  });
}

void CpuBackend::norm_backward(Tensor dsum, Write write, Tensor dx, Tensor dgamma, Tensor dbeta, Tensor dy,
                               Tensor sum, Tensor mean, Tensor rstd, Tensor gamma, NormKind kind,
                               const Dropout& dropout, const Packing& packing) {
  const char* const name = "norm_backward";
  check_float(name, "dy", dy);
  const int64_t tokens = dy.rows(), width = dy.columns();
  check_tensor(name, "dy", dy, dy.dtype, {tokens, width});
  check_tensor(name, "dsum", dsum, dy.dtype, {tokens, width});
  check_optional(name, "dx", dx, dy.dtype, {tokens, width});
  check_optional(name, "dgamma", dgamma, DType::f32, {width});
  check_optional(name, "dbeta", dbeta, DType::f32, {width});
  check_tensor(name, "sum", sum, dy.dtype, {tokens, width});
  if (kind == NormKind::layer) check_tensor(name, "mean", mean, DType::f32, {tokens});
  check_tensor(name, "rstd", rstd, DType::f32, {tokens});
  check_tensor(name, "gamma", gamma, DType::f32, {width});
  check_dropout(name, dropout);
  if (dropout.active()) check_packing(name, packing, tokens);
  if (tokens == 0) return;

  // Each task sums a fixed range of tokens into its own partial sums; these are added in order.
  const int64_t wanted =
      std::min(tuning::kPartialSums, (tokens + tuning::kTokensPerTask - 1) / tuning::kTokensPerTask);
  const int64_t piece = (tokens + wanted - 1) / wanted;
  const int64_t tasks = (tokens + piece - 1) / piece;
  float* partial = reinterpret_cast<float*>(
      shared_scratch_.at_least(2 * tasks * width * static_cast<int64_t>(sizeof(float))));
  const Tensor partial_dgamma(partial, DType::f32, {tasks, width});
  const Tensor partial_dbeta(partial + tasks * width, DType::f32, {tasks, width});
  thread_scratch_.ensure(drawn_bytes(width));
  const NormBackward call{dsum, write, dx, dy, sum, mean, rstd, gamma, kind, dropout, packing};
  parallel_for(tasks, threads_, [&](int64_t task) {
    float* my_dgamma = partial_dgamma.as<float>() + task * width;
    float* my_dbeta = dbeta.absent() ? nullptr : partial_dbeta.as<float>() + task * width;
    std::fill(my_dgamma, my_dgamma + width, 0.0f);
    if (my_dbeta != nullptr) std::fill(my_dbeta, my_dbeta + width, 0.0f);
    HWY_DYNAMIC_DISPATCH(norm_backward_rows)
    (call, task * piece, std::min(tokens, (task + 1) * piece), my_dgamma, my_dbeta, thread_scratch_.mine());
  });
  if (!dgamma.absent()) add_column_sums(dgamma.as<float>(), partial_dgamma, 0, width, 0, tasks);
  if (!dbeta.absent()) add_column_sums(dbeta.as<float>(), partial_dbeta, 0, width, 0, tasks);
}

}  // namespace limner
#endif
