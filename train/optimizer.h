// AdamW over what is trained of the model's flat parameters, with the decay that the parameter table says and
// a learning rate for each layer.
//
// With train.shard_optimizer_state (Rajbhandari et al., "ZeRO: memory optimizations toward training trillion
// parameter models", 2020, stage 1) the flat parameters are cut into as many equal parts as there are ranks,
// without regard to where a tensor ends. A rank holds the moments of its part, updates it from the summed
// gradients, which every rank has, and receives the other parts. The few elements that an even cut leaves
// over are held and updated by all ranks alike. The arithmetic is that of one holder of everything.
#pragma once

#include <vector>

#include "kernels/backend.h"
#include "model/model.h"
#include "runtime/communicator.h"
#include "runtime/settings.h"

namespace limner {

class Optimizer {
 public:
  // reducer: gathers the parts; it outlives the optimizer.
  Optimizer(Backend& backend, Model& model, const TrainSettings& settings, const Communicator& ranks,
            DeviceReducer& reducer);

  // Euclidean length of all gradients. The same on every rank, once they are summed.
  double gradient_norm();
  // Scales the gradients to at most max_grad_norm and updates weights and moments. step: 1 for the first. All
  // ranks together.
  void update(int64_t step, double learning_rate, double norm);

  struct Moments {
    std::vector<float> first, second;  // as long as the gradients
  };
  // Of all ranks, together; rank 0 receives them, the others nothing.
  Moments download_moments();
  void upload_moments(const Moments& moments);  // every rank gives all, and keeps its part

  // Of one rank's moments.
  static int64_t bytes(const ParameterTable& parameters, const TrainSettings& settings, int ranks);

 private:
  struct Range {
    int64_t begin, end;
    Decay decay;
    double rate;  // of the learning rate
  };
  struct Part {  // of the flat parameters; its moments begin at `held`
    int64_t begin, end, held;
  };
  Backend& backend_;
  Model& model_;
  TrainSettings settings_;
  const Communicator& ranks_;
  DeviceReducer& reducer_;
  int64_t shards_;  // the ranks, or 1
  int64_t even_;    // elements of each of them
  Part own_, left_over_;
  Buffer moments_;
  Tensor first_, second_;  // f32, of own_ and left_over_
  std::vector<Range> ranges_;

  void update(const Range& range, const Part& part, const AdamW& update);
  void share_weights();
  std::vector<float> download(const Tensor& moment);
  void upload(const Tensor& moment, const std::vector<float>& values);
};

}  // namespace limner
