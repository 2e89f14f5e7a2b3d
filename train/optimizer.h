// AdamW over what is trained of the model's flat parameters, with the decay that the parameter table says and
// a learning rate for each layer.
#pragma once

#include <vector>

#include "kernels/backend.h"
#include "model/model.h"
#include "runtime/settings.h"

namespace limner {

class Optimizer {
 public:
  Optimizer(Backend& backend, Model& model, const TrainSettings& settings);

  // Euclidean length of all gradients. The same on every rank, once they are summed.
  double gradient_norm();
  // Scales the gradients to at most max_grad_norm and updates weights and moments. step: 1 for the first.
  void update(int64_t step, double learning_rate, double norm);

  Tensor first() const { return first_; }  // f32, as long as the gradients
  Tensor second() const { return second_; }
  static int64_t bytes(const ParameterTable& parameters);

 private:
  struct Range {
    int64_t begin, end;
    Decay decay;
    double rate;  // of the learning rate
  };
  Backend& backend_;
  Model& model_;
  TrainSettings settings_;
  Buffer moments_;
  Tensor first_, second_;
  std::vector<Range> ranges_;
};

}  // namespace limner
