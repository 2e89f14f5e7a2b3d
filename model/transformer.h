// The encoder: embeddings and blocks, forward and backward, over packed rows. One code for training and
// inference; what differs is only which activations stay.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "kernels/backend.h"
#include "model/config.h"
#include "model/parameters.h"
#include "text/batch.h"

namespace limner {

struct Linear {
  Tensor weight, bias;  // [out, in], [out]
};
struct Norm {
  Tensor gamma, beta;  // [hidden] f32
};
struct BlockParameters {
  Linear qkv, attention_output, intermediate, output;
  Norm attention_norm, output_norm;
};
struct EncoderParameters {
  Tensor word, position, segment;  // [vocabulary, hidden], [max_positions, hidden], [segments, hidden]
  Norm norm;
  std::vector<BlockParameters> blocks;
};

// Views into flat buffers: `matrices` holds what matrix products and look-ups use (the weights, or their bf16
// shadow), `norms` the f32 weights. With the gradients for both: where the gradients go.
EncoderParameters encoder_parameters(const ParameterTable& table, int64_t layers, const Tensor& matrices,
                                     const Tensor& norms);

// A layer normalisation's input and statistics, for backward; absent in inference.
struct NormSaved {
  Tensor sum, mean, rstd;
};
// T is f32 or bf16. In inference every block has the same buffers, and `out` is the block's input too.
struct BlockActivations {
  Tensor qkv;                // T [tokens, 3 * hidden]
  Tensor context, lse;       // T [tokens, hidden]; f32 [heads, tokens], training only
  Tensor attention_dense;    // T [tokens, hidden], becomes attention_norm.sum
  NormSaved attention_norm;  //
  Tensor attention_out;      // T [tokens, hidden]
  Tensor inner_pre, inner;   // T [tokens, inner]; before (training only) and after the activation
  Tensor dense;              // T [tokens, hidden], becomes output_norm.sum
  NormSaved output_norm;     //
  Tensor out;                // T [tokens, hidden]
};
struct EncoderActivations {
  Tensor embedded;  // T [tokens, hidden], becomes norm.sum
  NormSaved norm;
  Tensor out;  // T [tokens, hidden]
  std::vector<BlockActivations> blocks;
  // Backward only. `gradient` is the running gradient of the hidden states, the others one block's scratch.
  Tensor gradient, ddense, dinner, dcontext, dqkv;

  Tensor hidden() const { return blocks.empty() ? out : blocks.back().out; }
};

class Transformer {
 public:
  // `type`: f32 or bf16, of activations and of the weights in products.
  Transformer(Backend& backend, const ModelConfig& config, DType type);

  static EncoderActivations lay_out(Arena& arena, const ModelConfig& config, DType type, Purpose purpose,
                                    int64_t tokens);

  // Fills `saved`, laid out for this batch; its last hidden states are the result. No key: no dropout.
  void forward(EncoderActivations& saved, const EncoderParameters& weights, const Batch& batch,
               const Packing& packing, std::optional<uint64_t> dropout_key) const;
  // From saved.gradient, the gradient of the last hidden states (overwritten), adds to every parameter's
  // gradient. The key is forward's. on_layer(l) is called when layer l's gradients are complete: blocks from
  // `layers` to 1, then 0, the embeddings.
  void backward(EncoderParameters& gradients, EncoderActivations& saved, const EncoderParameters& weights,
                const Batch& batch, const Packing& packing, std::optional<uint64_t> dropout_key,
                const std::function<void(int layer)>& on_layer) const;

 private:
  struct BlockDropout {
    Dropout attention, attention_output, output;
  };
  Backend& backend_;
  ModelConfig config_;

  AttentionShape attention_shape(const Dropout& dropout) const;
  BlockDropout block_dropout(std::optional<uint64_t> key, int layer) const;
  void embeddings_forward(EncoderActivations& a, const EncoderParameters& w, const Batch& batch,
                          const Packing& packing, const Dropout& dropout) const;
  void embeddings_backward(EncoderParameters& g, EncoderActivations& a, const EncoderParameters& w,
                           const Batch& batch, const Packing& packing, const Dropout& dropout) const;
  void block_forward(BlockActivations& a, const Tensor& x, const BlockParameters& w, const Packing& packing,
                     const BlockDropout& dropout) const;
  void block_backward(BlockParameters& g, EncoderActivations& scratch, const BlockActivations& a,
                      const Tensor& x, const BlockParameters& w, const Packing& packing,
                      const BlockDropout& dropout) const;
};

}  // namespace limner
