// What every device's AdamW kernel takes: the update with its corrections worked out once, in double.
#pragma once

#include <cmath>

#include "kernels/backend.h"

namespace limner {

struct AdamWFactors {
  float beta1, beta2, rest1, rest2;  // rest = 1 - beta
  float keep;                        // 1 - learning_rate * weight_decay
  float step_size;                   // learning_rate / (1 - beta1^step)
  float root_correction;             // 1 / sqrt(1 - beta2^step)
  float epsilon;
  float gradient_scale;
};

inline AdamWFactors adamw_factors(const AdamW& update) {
  require(update.step >= 1, "adamw: step {} is below 1", update.step);
  const auto step = static_cast<double>(update.step);
  const double correction1 = 1.0 - std::pow(static_cast<double>(update.beta1), step);
  const double correction2 = 1.0 - std::pow(static_cast<double>(update.beta2), step);
  return {.beta1 = update.beta1,
          .beta2 = update.beta2,
          .rest1 = 1.0f - update.beta1,
          .rest2 = 1.0f - update.beta2,
          .keep = static_cast<float>(1.0 - static_cast<double>(update.learning_rate) * update.weight_decay),
          .step_size = static_cast<float>(update.learning_rate / correction1),
          .root_correction = static_cast<float>(1.0 / std::sqrt(correction2)),
          .epsilon = update.epsilon,
          .gradient_scale = update.gradient_scale};
}

}  // namespace limner
