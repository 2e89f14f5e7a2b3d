// Sums gradients over the ranks while backward goes on: a layer's gradients are one range of the flat buffer
// and start travelling as soon as that layer is done.
#pragma once

#include <vector>

#include "model/parameters.h"
#include "runtime/communicator.h"
#include "runtime/tensor.h"

namespace limner {

class GradientSync {
 public:
  GradientSync(DeviceReducer& reducer, const ParameterTable& parameters, Tensor gradients);

  // Layer `layer` of this rank is complete; called from the last layer to 0, once a step. Small layers wait
  // for their neighbours, so that few, large messages travel.
  void layer_done(int layer);
  // For a rank without rows in this batch: its gradients are complete as they are.
  void all_layers_done();
  void finish();  // every sum has arrived

 private:
  struct Bucket {
    int lowest_layer = 0;  // sent when this one is done
    Tensor gradients;
  };
  DeviceReducer& reducer_;
  std::vector<Bucket> buckets_;  // in the order of backward
  int layers_;
  size_t next_ = 0;
};

}  // namespace limner
