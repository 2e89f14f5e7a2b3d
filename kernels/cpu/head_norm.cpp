#include "kernels/cpu/targets.h"
// Highway compiles what follows once per instruction set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/head_norm.cpp"
#include "hwy/foreach_target.h"
//
#include <cmath>
#include <cstring>

#include "kernels/check.h"
#include "kernels/cpu/column_sums.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/vector_inl.h"
#include "kernels/tuning.h"
#include "runtime/parallel.h"

#ifndef LIMNER_HEAD_NORM_ARGUMENTS
#define LIMNER_HEAD_NORM_ARGUMENTS
namespace limner {

struct HeadNormForward {
  Tensor y, rstd, x, query_gamma, key_gamma;
  float epsilon;
  const AttentionShape& shape;
  const float* gamma(int64_t head) const {
    return (head < shape.heads ? query_gamma : key_gamma).as<float>();
  }
};

struct HeadNormBackward {
  Tensor dx, dy, x, rstd, query_gamma, key_gamma;
  const AttentionShape& shape;
  const float* gamma(int64_t head) const {
    return (head < shape.heads ? query_gamma : key_gamma).as<float>();
  }
};

}  // namespace limner
#endif

HWY_BEFORE_NAMESPACE();
namespace limner::HWY_NAMESPACE {

template <class T>
float mean_of_squares(const T* head, int64_t size) {
  FloatVector total = hn::Zero(Floats());
  for (int64_t c = 0; c < size; c += kLanes) {
    const FloatVector value = load_some(head + c, size - c);
    total = hn::MulAdd(value, value, total);
  }
  return sum_of_lanes(total) / static_cast<float>(size);
}

// The values lie behind the heads that are normalised.
template <class T>
void copy_values(T* to, const T* from, int64_t normed, int64_t packed) {
  if (to == from) return;
  std::memcpy(to + normed, from + normed, static_cast<size_t>(packed - normed) * sizeof(T));
}

template <class T>
void forward_tokens(const HeadNormForward& call, int64_t first, int64_t last) {
  const int64_t size = call.shape.head_size, packed = call.shape.packed_width();
  const int64_t heads = call.shape.heads + call.shape.key_head_count();
  for (int64_t token = first; token < last; ++token) {
    const T* x = call.x.as<T>() + token * packed;
    T* y = call.y.as<T>() + token * packed;
    for (int64_t head = 0; head < heads; ++head) {
      const T* from = x + head * size;
      const float rstd = 1.0f / std::sqrt(mean_of_squares(from, size) + call.epsilon);
      const float* gamma = call.gamma(head);
      for (int64_t c = 0; c < size; c += kLanes) {
        const FloatVector normal = hn::Mul(load_some(from + c, size - c), constant(rstd));
        store_some(hn::Mul(normal, load_some(gamma + c, size - c)), y + head * size + c, size - c);
      }
      if (!call.rstd.absent()) call.rstd.as<float>()[token * heads + head] = rstd;
    }
    copy_values(y, x, heads * size, packed);
  }
}

// Adds this range of tokens to the partial sums dgamma [2 * head_size]: the queries', then the keys'.
template <class T>
void backward_tokens(const HeadNormBackward& call, int64_t first, int64_t last, float* dgamma) {
  const int64_t size = call.shape.head_size, packed = call.shape.packed_width();
  const int64_t heads = call.shape.heads + call.shape.key_head_count();
  for (int64_t token = first; token < last; ++token) {
    const T* x = call.x.as<T>() + token * packed;
    const T* dy = call.dy.as<T>() + token * packed;
    T* dx = call.dx.as<T>() + token * packed;
    for (int64_t head = 0; head < heads; ++head) {
      const int64_t start = head * size;
      const auto rstd = constant(call.rstd.as<float>()[token * heads + head]);
      const float* gamma = call.gamma(head);
      float* sums = dgamma + (head < call.shape.heads ? 0 : size);
      FloatVector total = hn::Zero(Floats());
      for (int64_t c = 0; c < size; c += kLanes) {
        const int64_t left = size - c;
        const FloatVector gradient = load_some(dy + start + c, left);
        const FloatVector normal = hn::Mul(load_some(x + start + c, left), rstd);
        store_some(hn::MulAdd(gradient, normal, load_some(sums + c, left)), sums + c, left);
        total = hn::MulAdd(hn::Mul(gradient, load_some(gamma + c, left)), normal, total);
      }
      const auto average = constant(sum_of_lanes(total) / static_cast<float>(size));
      for (int64_t c = 0; c < size; c += kLanes) {
        const int64_t left = size - c;
        const FloatVector normal = hn::Mul(load_some(x + start + c, left), rstd);
        const FloatVector weighted = hn::Mul(load_some(dy + start + c, left), load_some(gamma + c, left));
        store_some(hn::Mul(hn::NegMulAdd(normal, average, weighted), rstd), dx + start + c, left);
      }
    }
    copy_values(dx, dy, heads * size, packed);
  }
}

void head_norm_forward_tokens(const HeadNormForward& call, int64_t first, int64_t last) {
  if (call.y.dtype == DType::f32) {
    forward_tokens<float>(call, first, last);
  } else {
    forward_tokens<bfloat16>(call, first, last);
  }
}

void head_norm_backward_tokens(const HeadNormBackward& call, int64_t first, int64_t last, float* dgamma) {
  if (call.dy.dtype == DType::f32) {
    backward_tokens<float>(call, first, last, dgamma);
  } else {
    backward_tokens<bfloat16>(call, first, last, dgamma);
  }
}

}  // namespace limner::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace limner {

HWY_EXPORT(head_norm_forward_tokens);
HWY_EXPORT(head_norm_backward_tokens);

void CpuBackend::head_norm_forward(Tensor y, Tensor rstd, Tensor x, Tensor query_gamma, Tensor key_gamma,
                                   float epsilon, const AttentionShape& shape) {
  const char* const name = "head_norm_forward";
  check_float(name, "x", x);
  check_attention_shape(name, shape);
  const int64_t tokens = x.rows();
  check_tensor(name, "x", x, x.dtype, {tokens, shape.packed_width()});
  check_tensor(name, "y", y, x.dtype, {tokens, shape.packed_width()});
  check_optional(name, "rstd", rstd, DType::f32, {tokens, shape.heads + shape.key_head_count()});
  check_tensor(name, "query_gamma", query_gamma, DType::f32, {shape.head_size});
  check_tensor(name, "key_gamma", key_gamma, DType::f32, {shape.head_size});
  const HeadNormForward call{y, rstd, x, query_gamma, key_gamma, epsilon, shape};
  const int64_t piece = tuning::kTokensPerTask;
  parallel_for((tokens + piece - 1) / piece, threads_, [&](int64_t task) {
    HWY_DYNAMIC_DISPATCH(head_norm_forward_tokens)(call, task * piece, std::min(tokens, (task + 1) * piece));
  });
}

void CpuBackend::head_norm_backward(Tensor dx, Tensor dquery_gamma, Tensor dkey_gamma, Tensor dy, Tensor x,
                                    Tensor rstd, Tensor query_gamma, Tensor key_gamma,
                                    const AttentionShape& shape) {
  const char* const name = "head_norm_backward";
  check_float(name, "dy", dy);
  check_attention_shape(name, shape);
  const int64_t tokens = dy.rows(), size = shape.head_size;
  check_tensor(name, "dy", dy, dy.dtype, {tokens, shape.packed_width()});
  check_tensor(name, "dx", dx, dy.dtype, {tokens, shape.packed_width()});
  check_tensor(name, "x", x, dy.dtype, {tokens, shape.packed_width()});
  check_tensor(name, "rstd", rstd, DType::f32, {tokens, shape.heads + shape.key_head_count()});
  for (const Tensor& gamma : {query_gamma, key_gamma}) {
    check_tensor(name, "gamma", gamma, DType::f32, {size});
  }
  check_optional(name, "dquery_gamma", dquery_gamma, DType::f32, {size});
  check_optional(name, "dkey_gamma", dkey_gamma, DType::f32, {size});
  if (tokens == 0) return;

  // As norm_backward: partial sums of fixed ranges of tokens, added in order.
  const int64_t wanted =
      std::min(tuning::kPartialSums, (tokens + tuning::kTokensPerTask - 1) / tuning::kTokensPerTask);
  const int64_t piece = (tokens + wanted - 1) / wanted;
  const int64_t tasks = (tokens + piece - 1) / piece;
  float* partial = reinterpret_cast<float*>(
      shared_scratch_.at_least(2 * tasks * size * static_cast<int64_t>(sizeof(float))));
  const HeadNormBackward call{dx, dy, x, rstd, query_gamma, key_gamma, shape};
  parallel_for(tasks, threads_, [&](int64_t task) {
    float* mine = partial + task * 2 * size;
    std::fill(mine, mine + 2 * size, 0.0f);
    HWY_DYNAMIC_DISPATCH(head_norm_backward_tokens)
    (call, task * piece, std::min(tokens, (task + 1) * piece), mine);
  });
  const Tensor sums(partial, DType::f32, {tasks, 2 * size});
  if (!dquery_gamma.absent()) add_column_sums(dquery_gamma.as<float>(), sums, 0, size, 0, tasks);
  if (!dkey_gamma.absent()) add_column_sums(dkey_gamma.as<float>(), sums, size, size, 0, tasks);
}

}  // namespace limner
#endif
