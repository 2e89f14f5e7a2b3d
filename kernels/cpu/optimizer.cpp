#include "kernels/cpu/targets.h"
// Highway compiles what follows once per instruction set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/optimizer.cpp"
#include "hwy/foreach_target.h"
//
#include <cmath>

#include "kernels/adamw.h"
#include "kernels/check.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/vector_inl.h"
#include "kernels/tuning.h"
#include "runtime/parallel.h"

HWY_BEFORE_NAMESPACE();
namespace limner::HWY_NAMESPACE {

void adamw_run(float* weights, bfloat16* shadow, float* first, float* second, const float* gradient,
               int64_t count, const AdamWFactors& factors) {
  for (int64_t i = 0; i < count; i += kLanes) {
    const int64_t left = count - i;
    const auto g = hn::Mul(load_some(gradient + i, left), constant(factors.gradient_scale));
    const auto m =
        hn::MulAdd(load_some(first + i, left), constant(factors.beta1), hn::Mul(g, constant(factors.rest1)));
    const auto v = hn::MulAdd(load_some(second + i, left), constant(factors.beta2),
                              hn::Mul(hn::Mul(g, g), constant(factors.rest2)));
    store_some(m, first + i, left);
    store_some(v, second + i, left);
    const auto scale = hn::MulAdd(hn::Sqrt(v), constant(factors.root_correction), constant(factors.epsilon));
    const auto kept = hn::Mul(load_some(weights + i, left), constant(factors.keep));
    const auto updated = hn::NegMulAdd(constant(factors.step_size), hn::Div(m, scale), kept);
    store_some(updated, weights + i, left);
    if (shadow != nullptr) store_some(updated, shadow + i, left);
  }
}

void move_average_run(float* average, const float* x, int64_t count, float share) {
  for (int64_t i = 0; i < count; i += kLanes) {
    const int64_t left = count - i;
    const auto before = load_some(average + i, left);
    const auto step = hn::Sub(load_some(x + i, left), before);
    store_some(hn::MulAdd(step, constant(share), before), average + i, left);
  }
}

double squares_of_run(const float* x, int64_t count) {
  const hn::Repartition<double, Floats> doubles;
  const hn::Rebind<float, decltype(doubles)> narrow;
  const int64_t lanes = kLanes / 2;
  auto even = hn::Zero(doubles), odd = hn::Zero(doubles);
  int64_t i = 0;
  for (; i + 2 * lanes <= count; i += 2 * lanes) {
    const auto low = hn::PromoteTo(doubles, hn::LoadU(narrow, x + i));
    const auto high = hn::PromoteTo(doubles, hn::LoadU(narrow, x + i + lanes));
    even = hn::MulAdd(low, low, even);
    odd = hn::MulAdd(high, high, odd);
  }
  double sum = hn::GetLane(hn::SumOfLanes(doubles, hn::Add(even, odd)));
  for (; i < count; ++i) sum += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  return sum;
}

}  // namespace limner::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace limner {

HWY_EXPORT(adamw_run);
HWY_EXPORT(move_average_run);
HWY_EXPORT(squares_of_run);

void CpuBackend::adamw(Tensor weights, Tensor shadow, Tensor first, Tensor second, Tensor gradient,
                       const AdamW& update) {
  const char* const name = "adamw";
  const int64_t elements = weights.elements(), piece = tuning::kElementsPerTask;
  check_tensor(name, "weights", weights, DType::f32, {elements});
  check_optional(name, "shadow", shadow, DType::bf16, {elements});
  check_tensor(name, "first", first, DType::f32, {elements});
  check_tensor(name, "second", second, DType::f32, {elements});
  check_tensor(name, "gradient", gradient, DType::f32, {elements});
  const AdamWFactors factors = adamw_factors(update);
  bfloat16* rounded = shadow.absent() ? nullptr : shadow.as<bfloat16>();
  parallel_for((elements + piece - 1) / piece, threads_, [&](int64_t task) {
    const int64_t start = task * piece;
    HWY_DYNAMIC_DISPATCH(adamw_run)
    (weights.as<float>() + start, rounded == nullptr ? nullptr : rounded + start, first.as<float>() + start,
     second.as<float>() + start, gradient.as<float>() + start, std::min(piece, elements - start), factors);
  });
}

void CpuBackend::move_average(Tensor average, Tensor x, float share) {
  const char* const name = "move_average";
  const int64_t elements = average.elements(), piece = tuning::kElementsPerTask;
  check_tensor(name, "average", average, DType::f32, {elements});
  check_tensor(name, "x", x, DType::f32, {elements});
  parallel_for((elements + piece - 1) / piece, threads_, [&](int64_t task) {
    const int64_t start = task * piece;
    HWY_DYNAMIC_DISPATCH(move_average_run)
    (average.as<float>() + start, x.as<float>() + start, std::min(piece, elements - start), share);
  });
}

double CpuBackend::sum_of_squares(Tensor x) {
  const int64_t elements = x.elements(), piece = tuning::kElementsPerTask;
  require(x.dtype == DType::f32 && x.device == Device::cpu, "sum_of_squares: x is {}, expected f32",
          x.description());
  const int64_t tasks = (elements + piece - 1) / piece;
  double* partial =
      reinterpret_cast<double*>(shared_scratch_.at_least(tasks * static_cast<int64_t>(sizeof(double))));
  parallel_for(tasks, threads_, [&](int64_t task) {
    partial[task] = HWY_DYNAMIC_DISPATCH(squares_of_run)(x.as<float>() + task * piece,
                                                         std::min(piece, elements - task * piece));
  });
  double sum = 0.0;
  for (int64_t task = 0; task < tasks; ++task) sum += partial[task];
  return sum;
}

}  // namespace limner
#endif
