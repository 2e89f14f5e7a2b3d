// One vector a text, as a sentence-transformers folder says: pooled, through its dense layers, cut, scaled to
// length 1.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "kernels/backend.h"
#include "model/model.h"
#include "model/sentence_config.h"

namespace limner {

class SentenceVectors {
 public:
  // dimensions: so many leading numbers are kept (Matryoshka: Kusupati et al., 2022), cut before the last
  // normalisation; absent: all. At most config.width(hidden), else an internal error. Memory for batches of
  // max_rows is taken here.
  SentenceVectors(Backend& backend, const SentenceConfig& config, int64_t hidden,
                  std::optional<int64_t> dimensions, int64_t max_rows);

  int64_t width() const { return dimensions_; }
  // Of the model's last forward, which was of this batch: rows x width, on the host.
  std::vector<float> compute(Model& model, const Batch& batch);

 private:
  struct Layer {
    Buffer weight_memory, bias_memory, output_memory;
    Tensor weight, bias;
    Activation activation = Activation::none;
    bool normalizes_first = false;
  };
  Backend& backend_;
  Pooling pooling_;
  bool normalize_;
  int64_t width_, dimensions_;  // before the cut, and behind it
  std::vector<Layer> layers_;
};

}  // namespace limner
