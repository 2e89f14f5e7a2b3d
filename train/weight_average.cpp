#include "train/weight_average.h"

#include <algorithm>

namespace limner {

WeightAverage::WeightAverage(Backend& backend, Model& model, double decay)
    : backend_(backend), model_(model), decay_(decay) {
  if (!present()) return;
  const int64_t elements = model.parameters().trained_elements();
  memory_ = backend.allocate(bytes(model.parameters(), decay));
  average_ = Tensor(memory_.data(), DType::f32, {elements}, memory_.device());
  kept_ = Tensor(static_cast<float*>(memory_.data()) + elements, DType::f32, {elements}, memory_.device());
  backend_.cast(average_, model_.trained_weights());
}

int64_t WeightAverage::bytes(const ParameterTable& parameters, double decay) {
  return decay > 0.0 ? 2 * parameters.trained_elements() * dtype_bytes(DType::f32) : 0;
}

void WeightAverage::update(int64_t step) {
  if (!present()) return;
  const double rising = 1.0 - 9.0 / (10.0 + static_cast<double>(step));
  backend_.move_average(average_, model_.trained_weights(),
                        static_cast<float>(1.0 - std::min(decay_, rising)));
}

void WeightAverage::lend(const std::function<void()>& work) {
  if (!present()) return work();
  backend_.cast(kept_, model_.trained_weights());
  backend_.cast(model_.trained_weights(), average_);
  model_.refresh_shadow();
  work();
  backend_.cast(model_.trained_weights(), kept_);
  model_.refresh_shadow();
}

}  // namespace limner
