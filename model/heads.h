// What stands on the encoder: one vector a row, the family's projection of it (BERT's pooler), several
// classifiers at once, their losses. All in f32, from the f32 weights.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "kernels/backend.h"
#include "model/config.h"
#include "model/dropout.h"
#include "model/family.h"
#include "model/labels.h"
#include "model/parameters.h"
#include "model/transformer.h"

namespace limner {

struct HeadParameters {
  Linear projection;     // absent where heads do not read it
  Norm projection_norm;  // absent in most families
  std::vector<Linear> classifiers;
};
// Views into flat f32 weights or gradients.
HeadParameters head_parameters(const ParameterTable& table, const ModelConfig& config,
                               const std::vector<HeadSpec>& heads, HeadInput head_input, const Tensor& flat);

// f32 unless stated; without heads all are absent.
struct HeadActivations {
  Tensor vector, argmax;  // [rows, hidden], one vector a row; i32, for max
  // The projection's, [rows, hidden]: before and after the activation, and after its norm (else absent).
  Tensor projected_pre, projected, normed;
  NormSaved norm;
  std::vector<Tensor> logits;   // [rows, outputs], as are the three after it
  std::vector<Tensor> dlogits;  // training
  std::vector<Tensor> targets;  // multi_label and regression
  std::vector<Tensor> probabilities;
  Tensor loss;                 // [rows]
  Tensor dprojected, dvector;  // [rows, hidden], training
};

class Heads {
 public:
  Heads(Backend& backend, const ModelConfig& config, const std::vector<HeadSpec>& heads,
        HeadInput head_input);

  static HeadActivations lay_out(Arena& arena, const ModelConfig& config, const std::vector<HeadSpec>& heads,
                                 Purpose purpose, int64_t rows);

  // hidden: T [tokens, hidden]. Dropout before the classifiers, and where the family has it before the
  // projection.
  void forward(HeadActivations& saved, const HeadParameters& weights, const Tensor& hidden,
               const Packing& packing, std::optional<uint64_t> dropout_key) const;
  // Writes dhidden, T [tokens, hidden], and adds to the parameters' gradients: the gradient of the sum over
  // heads of head.weight * (sum of losses) / total_weight[head]. Returns each head's sum. The key is
  // forward's.
  std::vector<double> backward(HeadParameters& gradients, const Tensor& dhidden, HeadActivations& saved,
                               const HeadParameters& weights, const Packing& packing,
                               std::optional<uint64_t> dropout_key, const std::vector<HeadLabels>& labels,
                               std::span<const double> total_weight) const;

  std::vector<double> losses(HeadActivations& saved, const std::vector<HeadLabels>& labels) const;
  std::vector<double> label_weights(const std::vector<HeadLabels>& labels) const;
  std::vector<std::vector<float>> predictions(HeadActivations& saved) const;

 private:
  Backend& backend_;
  std::vector<HeadSpec> heads_;
  HeadInput head_input_;
  Pooling pooling_;
  int64_t skipped_;        // tokens at the start of a row that are not pooled; the pooler's first token is
  FamilyHead projection_;  // used where head_input_ is the pooler
  Activation activation_;
  NormKind norm_;
  float norm_epsilon_;
  float dropout_probability_;
  int layer_;                              // of the pooler and the heads
  std::vector<Buffer> class_weight_;       // one a head, on the device
  std::vector<Tensor> class_weight_view_;  // absent where all weigh 1

  bool projects() const { return head_input_ == HeadInput::pooler; }
  const Tensor& classified(const HeadActivations& saved) const;  // what the classifiers read
  Dropout dropout(std::optional<uint64_t> key, DropoutPlace place) const;
  void drop(const Tensor& vectors, const Dropout& dropout, const Packing& packing) const;
  void project(HeadActivations& saved, const HeadParameters& weights, const Packing& packing,
               std::optional<uint64_t> dropout_key) const;
  void project_backward(HeadParameters& gradients, HeadActivations& saved, const HeadParameters& weights,
                        const Packing& packing, std::optional<uint64_t> dropout_key) const;
  double head_loss(size_t head, const Tensor& dlogits, HeadActivations& saved, const HeadLabels& labels,
                   float scale) const;
  void upload_targets(size_t head, HeadActivations& saved, const HeadLabels& labels) const;
  double label_weight(size_t head, const HeadLabels& labels) const;
};

}  // namespace limner
