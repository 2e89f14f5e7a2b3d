// The moving average of the weights over the steps (Polyak and Juditsky, 1992), which is often better than
// the weights themselves, and is what gets evaluated and published.
#pragma once

#include <functional>

#include "kernels/backend.h"
#include "model/model.h"

namespace limner {

class WeightAverage {
 public:
  // Starts as the model's weights. decay 0: there is none; nothing is kept, and every call is about the
  // weights.
  WeightAverage(Backend& backend, Model& model, double decay);

  // After the optimizer's step `step`, 1 for the first. The decay rises to its value, as 1 - 9 / (10 + step),
  // so that the first weights are forgotten.
  void update(int64_t step);
  // Calls `work` while the model has the average's weights.
  void lend(const std::function<void()>& work);

  bool present() const { return decay_ > 0.0; }
  Tensor average() const { return average_; }  // f32, as long as the gradients; absent if there is none
  static int64_t bytes(const ParameterTable& parameters, double decay);

 private:
  Backend& backend_;
  Model& model_;
  double decay_;
  Buffer memory_;
  Tensor average_, kept_;  // kept_: the weights while the average is lent
};

}  // namespace limner
