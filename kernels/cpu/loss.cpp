// Losses and probabilities. Heads have few classes and a batch few rows, so this is plain code in double.
#include <algorithm>
#include <cmath>

#include "kernels/check.h"
#include "kernels/cpu/cpu_backend.h"
#include "runtime/parallel.h"

namespace limner {

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

// log(sum of exp(logit)), without overflow.
template <class T>
double log_sum_exp(const T* logits, int64_t classes) {
  double most = -INFINITY, sum = 0.0;
  for (int64_t c = 0; c < classes; ++c)
    most = std::max(most, static_cast<double>(static_cast<float>(logits[c])));
  for (int64_t c = 0; c < classes; ++c) sum += std::exp(static_cast<float>(logits[c]) - most);
  return most + std::log(sum);
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
                               Tensor class_weight, float scale) {
  const char* const name = "cross_entropy";
  check_losses(name, loss, dlogits, logits);
  const int64_t rows = logits.rows(), classes = logits.columns();
  check_optional(name, "class_weight", class_weight, DType::f32, {classes});
  check_labels(name, labels, rows, classes);
  with_float_type(logits.dtype, [&]<class T>() {
    parallel_for(rows, threads_, [&](int64_t row) {
      const int32_t label = labels[static_cast<size_t>(row)];
      const double weight = label < 0               ? 0.0
                            : class_weight.absent() ? 1.0
                                                    : static_cast<double>(class_weight.as<float>()[label]);
      const T* x = row_of<T>(logits, row);
      T* dx = row_of<T>(dlogits, row);
      if (weight == 0.0) {
        loss.as<float>()[row] = 0.0f;
        clear(dx, classes);
        return;
      }
      const double total = log_sum_exp(x, classes);
      loss.as<float>()[row] = static_cast<float>(weight * (total - static_cast<float>(x[label])));
      if (dx == nullptr) return;
      for (int64_t c = 0; c < classes; ++c) {
        const double probability = std::exp(static_cast<float>(x[c]) - total);
        dx[c] = T(static_cast<float>(weight * scale * (probability - (c == label ? 1.0 : 0.0))));
      }
    });
  });
}

void CpuBackend::binary_cross_entropy(Tensor loss, Tensor dlogits, Tensor logits, Tensor targets,
                                      Tensor class_weight, float scale) {
  const char* const name = "binary_cross_entropy";
  check_losses(name, loss, dlogits, logits);
  const int64_t rows = logits.rows(), classes = logits.columns();
  check_tensor(name, "targets", targets, DType::f32, {rows, classes});
  check_optional(name, "class_weight", class_weight, DType::f32, {classes});
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
        const double logit = static_cast<float>(x[c]);
        sum += weight * (softplus(logit) - target[c] * logit);
        if (dx != nullptr) dx[c] = T(static_cast<float>(weight * scale * (logistic(logit) - target[c])));
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
  with_float_type(logits.dtype, [&]<class T>() {
    parallel_for(rows, threads_, [&](int64_t row) {
      const T* x = row_of<T>(logits, row);
      const double total = log_sum_exp(x, classes);
      float* to = row_of<float>(probabilities, row);
      for (int64_t c = 0; c < classes; ++c) {
        to[c] = static_cast<float>(std::exp(static_cast<float>(x[c]) - total));
      }
    });
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
