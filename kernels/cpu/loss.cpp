// Losses and probabilities. Cross-entropy and softmax run over whole vocabularies and are vector code; the
// others see a head's few numbers and are plain code in double.
#include "kernels/cpu/targets.h"
// Highway compiles what follows once per instruction set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/loss.cpp"
#include "hwy/foreach_target.h"
//
#include <algorithm>
#include <cmath>

#include "kernels/check.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/vector_inl.h"
#include "runtime/parallel.h"

// What one row of cross_entropy needs beside its logits.
#ifndef LIMNER_KERNELS_CPU_LOSS_ROW
#define LIMNER_KERNELS_CPU_LOSS_ROW
namespace limner {
struct CrossEntropyRow {
  int64_t classes;
  int32_t label;
  float weight;               // of the label
  const float* class_weight;  // null: all 1
  LabelUse use;
  float scale;
};
}  // namespace limner
#endif

HWY_BEFORE_NAMESPACE();
namespace limner::HWY_NAMESPACE {

struct RowTotal {
  float most;  // the largest logit
  float sum;   // of exp(logit - most)
};

// Lanes beyond `left` become `otherwise`.
HWY_INLINE FloatVector only_first(FloatVector value, int64_t left, float otherwise) {
  if (left >= kLanes) return value;
  return hn::IfThenElse(hn::FirstN(Floats(), static_cast<size_t>(left)), value, constant(otherwise));
}

// NaN in a row makes `sum` NaN.
template <class T>
RowTotal exponential_total(const T* logits, int64_t classes) {
  auto most_lanes = constant(-INFINITY);
  for (int64_t c = 0; c < classes; c += kLanes) {
    const int64_t left = classes - c;
    most_lanes = hn::Max(most_lanes, only_first(load_some(logits + c, left), left, -INFINITY));
  }
  const float most = max_of_lanes(most_lanes);
  auto sum = hn::Zero(Floats());
  for (int64_t c = 0; c < classes; c += kLanes) {
    const int64_t left = classes - c;
    const auto e = exp(hn::Sub(load_some(logits + c, left), constant(most)));
    sum = hn::Add(sum, only_first(e, left, 0.0f));
  }
  return {most, sum_of_lanes(sum)};
}

struct Smoothing {
  float weights;  // the sum of class weights
  float missed;   // the sum of class weight * (most - logit)
};

template <class T>
Smoothing smoothing_sums(const T* logits, const CrossEntropyRow& row, float most) {
  auto weights = hn::Zero(Floats()), missed = hn::Zero(Floats());
  for (int64_t c = 0; c < row.classes; c += kLanes) {
    const int64_t left = row.classes - c;
    const auto weight = row.class_weight == nullptr ? only_first(constant(1.0f), left, 0.0f)
                                                    : load_some(row.class_weight + c, left);
    weights = hn::Add(weights, weight);
    missed = hn::MulAdd(weight, hn::Sub(constant(most), load_some(logits + c, left)), missed);
  }
  return {sum_of_lanes(weights), sum_of_lanes(missed)};
}

// Returns the loss; writes the gradient unless dlogits is null. With F = (1 - p[y])^g and L the loss without
// it, the gradient of F is -g F p[y] at the label and g F p[y] p[c] / (1 - p[y]) elsewhere, so that of F * L
// is one multiple of p[c] for all classes but the label.
template <class T>
float cross_entropy_row(T* dlogits, const T* logits, const CrossEntropyRow& row) {
  const RowTotal total = exponential_total(logits, row.classes);
  const double log_sum = std::log(static_cast<double>(total.sum));
  const double below =
      static_cast<double>(total.most) - static_cast<double>(static_cast<float>(logits[row.label]));
  const double exponential = std::exp(-below), sum = total.sum;
  const double likely = exponential / sum, rest = (sum - exponential) / sum;
  const double share = static_cast<double>(row.use.label_smoothing) / static_cast<double>(row.classes);
  const double certain =
      (1.0 - static_cast<double>(row.use.label_smoothing)) * static_cast<double>(row.weight);
  double loss = certain * (log_sum + below), pull = certain;
  if (row.use.label_smoothing > 0.0f) {
    const Smoothing all = smoothing_sums(logits, row, total.most);
    loss += share * (static_cast<double>(all.weights) * log_sum + static_cast<double>(all.missed));
    pull += share * static_cast<double>(all.weights);
  }
  const double gamma = row.use.focal_gamma;
  const double focus = gamma > 0.0 ? std::pow(std::max(rest, 0.0), gamma) : 1.0;
  const auto result = static_cast<float>(focus * loss);
  if (dlogits == nullptr) return result;
  const double odds = rest > 0.0 ? likely / rest : 0.0;
  const double factor = static_cast<double>(row.scale) * focus;
  const auto slope = constant(static_cast<float>(factor * (pull + gamma * loss * odds) / sum));
  const auto smooth = constant(static_cast<float>(-factor * share));
  for (int64_t c = 0; c < row.classes; c += kLanes) {
    const int64_t left = row.classes - c;
    auto gradient = hn::Mul(slope, exp(hn::Sub(load_some(logits + c, left), constant(total.most))));
    if (row.use.label_smoothing > 0.0f) {
      gradient = row.class_weight == nullptr
                     ? hn::Add(gradient, smooth)
                     : hn::MulAdd(smooth, load_some(row.class_weight + c, left), gradient);
    }
    store_some(gradient, dlogits + c, left);
  }
  const double own = pull * likely - certain - share * static_cast<double>(row.weight);
  dlogits[row.label] = T(static_cast<float>(factor * (own - gamma * loss * likely)));
  return result;
}

float cross_entropy_of(const Tensor& dlogits, const Tensor& logits, int64_t index,
                       const CrossEntropyRow& row) {
  const auto of_type = [&]<class T>(T* /*type*/) {
    T* const to = dlogits.absent() ? nullptr : dlogits.as<T>() + index * row.classes;
    return cross_entropy_row(to, logits.as<T>() + index * row.classes, row);
  };
  return logits.dtype == DType::f32 ? of_type(static_cast<float*>(nullptr))
                                    : of_type(static_cast<bfloat16*>(nullptr));
}

template <class T>
void softmax_row(float* probabilities, const T* logits, int64_t classes) {
  const RowTotal total = exponential_total(logits, classes);
  const auto factor = constant(1.0f / total.sum);
  for (int64_t c = 0; c < classes; c += kLanes) {
    const int64_t left = classes - c;
    const auto e = exp(hn::Sub(load_some(logits + c, left), constant(total.most)));
    store_some(hn::Mul(e, factor), probabilities + c, left);
  }
}

void softmax_of(float* probabilities, const Tensor& logits, int64_t index) {
  const int64_t classes = logits.columns();
  if (logits.dtype == DType::f32) {
    softmax_row(probabilities, logits.as<float>() + index * classes, classes);
  } else {
    softmax_row(probabilities, logits.as<bfloat16>() + index * classes, classes);
  }
}

}  // namespace limner::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace limner {

HWY_EXPORT(cross_entropy_of);
HWY_EXPORT(softmax_of);

namespace {

void check_losses(const char* name, const Tensor& loss, const Tensor& dlogits, const Tensor& logits) {
  check_float(name, "logits", logits);
  check_tensor(name, "logits", logits, logits.dtype, {logits.rows(), logits.columns()});
  check_tensor(name, "loss", loss, DType::f32, {logits.rows()});
  check_optional(name, "dlogits", dlogits, logits.dtype, {logits.rows(), logits.columns()});
}

template <class T>
T* row_of(const Tensor& tensor, int64_t row) {
  return tensor.absent() ? nullptr : tensor.as<T>() + row * tensor.columns();
}

template <class T>
void clear(T* row, int64_t count) {
  if (row != nullptr) std::fill(row, row + count, T{});
}

double logistic(double x) {
  if (x >= 0.0) return 1.0 / (1.0 + std::exp(-x));
  const double e = std::exp(x);
  return e / (1.0 + e);
}

// log(1 + exp(x)), without overflow.
double softplus(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); }

}  // namespace

void CpuBackend::cross_entropy(Tensor loss, Tensor dlogits, Tensor logits, std::span<const int32_t> labels,
                               Tensor class_weight, const LabelUse& use, float scale) {
  const char* const name = "cross_entropy";
  check_losses(name, loss, dlogits, logits);
  check_label_use(name, use);
  const int64_t rows = logits.rows(), classes = logits.columns();
  check_optional(name, "class_weight", class_weight, DType::f32, {classes});
  check_labels(name, labels, rows, classes);
  const float* const weights = class_weight.absent() ? nullptr : class_weight.as<float>();
  parallel_for(rows, threads_, [&](int64_t row) {
    const int32_t label = labels[static_cast<size_t>(row)];
    const float weight = label < 0 ? 0.0f : weights == nullptr ? 1.0f : weights[label];
    if (weight == 0.0f) {
      loss.as<float>()[row] = 0.0f;
      if (!dlogits.absent()) {
        with_float_type(dlogits.dtype, [&]<class T>() { clear(row_of<T>(dlogits, row), classes); });
      }
      return;
    }
    loss.as<float>()[row] = HWY_DYNAMIC_DISPATCH(cross_entropy_of)(
        dlogits, logits, row, {classes, label, weight, weights, use, scale});
  });
}

void CpuBackend::binary_cross_entropy(Tensor loss, Tensor dlogits, Tensor logits, Tensor targets,
                                      Tensor class_weight, const LabelUse& use, float scale) {
  const char* const name = "binary_cross_entropy";
  check_losses(name, loss, dlogits, logits);
  check_label_use(name, use);
  const int64_t rows = logits.rows(), classes = logits.columns();
  check_tensor(name, "targets", targets, DType::f32, {rows, classes});
  check_optional(name, "class_weight", class_weight, DType::f32, {classes});
  const double smoothing = use.label_smoothing, gamma = use.focal_gamma;
  with_float_type(logits.dtype, [&]<class T>() {
    parallel_for(rows, threads_, [&](int64_t row) {
      const T* x = row_of<T>(logits, row);
      const float* target = row_of<float>(targets, row);
      T* dx = row_of<T>(dlogits, row);
      if (std::any_of(target, target + classes, [](float value) { return std::isnan(value); })) {
        loss.as<float>()[row] = 0.0f;
        clear(dx, classes);
        return;
      }
      double sum = 0.0;
      const double share = 1.0 / static_cast<double>(classes);
      for (int64_t c = 0; c < classes; ++c) {
        const double weight = class_weight.absent() ? share : share * class_weight.as<float>()[c];
        const double logit = static_cast<float>(x[c]), sign = target[c] > 0.5f ? 1.0 : -1.0;
        const double smoothed = (1.0 - smoothing) * target[c] + 0.5 * smoothing;
        const double plain = softplus(logit) - smoothed * logit;
        const double likely = logistic(sign * logit);  // the probability of the target
        const double focus = gamma > 0.0 ? std::pow(logistic(-sign * logit), gamma) : 1.0;
        sum += weight * focus * plain;
        if (dx == nullptr) continue;
        const double slope = focus * (logistic(logit) - smoothed - sign * gamma * likely * plain);
        dx[c] = T(static_cast<float>(weight * scale * slope));
      }
      loss.as<float>()[row] = static_cast<float>(sum);
    });
  });
}

void CpuBackend::squared_error(Tensor loss, Tensor dlogits, Tensor logits, Tensor targets, float scale) {
  const char* const name = "squared_error";
  check_losses(name, loss, dlogits, logits);
  const int64_t rows = logits.rows(), classes = logits.columns();
  require(classes == 1, "{}: logits have {} columns, expected 1", name, classes);
  check_tensor(name, "targets", targets, DType::f32, {rows});
  with_float_type(logits.dtype, [&]<class T>() {
    for (int64_t row = 0; row < rows; ++row) {
      const double target = targets.as<float>()[row];
      const double error = std::isnan(target) ? 0.0 : static_cast<float>(logits.as<T>()[row]) - target;
      loss.as<float>()[row] = static_cast<float>(error * error);
      if (!dlogits.absent()) dlogits.as<T>()[row] = T(static_cast<float>(2.0 * error * scale));
    }
  });
}

void CpuBackend::softmax(Tensor probabilities, Tensor logits) {
  const char* const name = "softmax";
  check_float(name, "logits", logits);
  const int64_t rows = logits.rows(), classes = logits.columns();
  check_tensor(name, "logits", logits, logits.dtype, {rows, classes});
  check_tensor(name, "probabilities", probabilities, DType::f32, {rows, classes});
  parallel_for(rows, threads_, [&](int64_t row) {
    HWY_DYNAMIC_DISPATCH(softmax_of)(row_of<float>(probabilities, row), logits, row);
  });
}

void CpuBackend::sigmoid(Tensor probabilities, Tensor logits) {
  const char* const name = "sigmoid";
  check_float(name, "logits", logits);
  const int64_t rows = logits.rows(), classes = logits.columns();
  check_tensor(name, "logits", logits, logits.dtype, {rows, classes});
  check_tensor(name, "probabilities", probabilities, DType::f32, {rows, classes});
  with_float_type(logits.dtype, [&]<class T>() {
    const T* x = logits.as<T>();
    float* to = probabilities.as<float>();
    for (int64_t i = 0; i < logits.elements(); ++i) {
      to[i] = static_cast<float>(logistic(static_cast<float>(x[i])));
    }
  });
}

}  // namespace limner
#endif
