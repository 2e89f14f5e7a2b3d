// The head of a language model. Masked: which token stood where one was hidden? BertForMaskedLM's dense
// layer, activation and normalisation, then the word embeddings as the decoder (Devlin et al., "BERT", 2019).
// Causal: which token comes next? A decoder's hidden states meet the word embeddings, or a matrix of their
// own.
#pragma once

#include "kernels/backend.h"
#include "model/config.h"
#include "model/parameters.h"
#include "model/transformer.h"
#include "text/batch.h"

namespace limner {

struct LanguageHeadParameters {
  Linear transform;      // masked: [hidden, hidden], [hidden]
  Norm norm;             // masked: [hidden] f32
  Tensor decoder, bias;  // [vocabulary, hidden]; masked: [vocabulary]
};
// As encoder_parameters; all absent if the model has no such head.
LanguageHeadParameters language_head_parameters(const ModelConfig& config, const ParameterTable& table,
                                                const Tensor& matrices, const Tensor& norms);

// One block of targets. T is f32 or bf16.
struct LanguageHeadActivations {
  Tensor vectors;             // T [targets, hidden]
  Tensor pre, dense, normed;  // masked: likewise
  NormSaved norm;             // masked: of dense
  Tensor logits, dlogits;     // T [targets, vocabulary]; dlogits in training only
  Tensor loss;                // f32 [targets]
  Tensor dvectors;            // T [targets, hidden], training only, as are the two after it
  Tensor dhidden;             // f32 [tokens, hidden]: the sum over blocks
  Tensor dhidden_cast;        // T [tokens, hidden], absent in f32
};

// Works on blocks of targets, forward and backward at once, so that memory holds block x vocabulary logits
// whatever the batch.
class LanguageHead {
 public:
  LanguageHead(Backend& backend, const ModelConfig& config);

  static LanguageHeadActivations lay_out(Arena& arena, const ModelConfig& config, DType type, Purpose purpose,
                                         int64_t tokens);

  // Sum of the cross-entropies of the batch's targets. hidden: T [tokens, hidden].
  double loss(LanguageHeadActivations& saved, const LanguageHeadParameters& weights, const Tensor& hidden,
              const Batch& batch) const;
  // The same sum; adds the gradient of scale * sum to dhidden, T [tokens, hidden], and to the parameters'.
  double backward(LanguageHeadParameters& gradients, const Tensor& dhidden, LanguageHeadActivations& saved,
                  const LanguageHeadParameters& weights, const Tensor& hidden, const Batch& batch,
                  float scale) const;

 private:
  struct Block {  // views of the activations, cut to the block's targets
    LanguageHeadActivations a;
    std::span<const int32_t> places, ids;
  };
  Backend& backend_;
  ModelConfig config_;

  bool transforms() const;                                        // before the decoder
  const Tensor& decoded(const LanguageHeadActivations& a) const;  // what the decoder reads
  std::vector<Block> blocks(const LanguageHeadActivations& saved, const Batch& batch) const;
  double block_forward(Block& block, const LanguageHeadParameters& weights, const Tensor& hidden,
                       float scale) const;
  void block_backward(LanguageHeadParameters& gradients, Block& block,
                      const LanguageHeadParameters& weights) const;
};

}  // namespace limner
