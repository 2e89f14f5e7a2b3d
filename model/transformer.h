// The encoder or decoder: embeddings and blocks, forward and backward, over packed rows. One code for all
// families, training and inference; what differs is ModelConfig's choices and which activations stay.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "kernels/backend.h"
#include "model/config.h"
#include "model/low_rank.h"
#include "model/parameters.h"
#include "text/batch.h"

namespace limner {

struct Norm {
  Tensor gamma, beta;  // [hidden] f32; beta may be absent
};
struct BlockParameters {
  Linear qkv, attention_output, inner, output;
  Tensor query_gamma, key_gamma;     // [head_size] f32, absent without head norms
  Norm attention_norm, output_norm;  // after each half; with NormPlacement::before the next half reads it
};
struct EncoderParameters {
  Tensor word, position,
      segment;           // [vocabulary, hidden]; [max_positions, hidden], [segments, hidden] or absent
  Norm norm;             // of the embeddings, or before the first block
  Tensor distance_bias;  // [distance_bucket_count, heads] f32, or absent
  std::vector<BlockParameters> blocks;
};

// Views into flat buffers: `matrices` holds what matrix products and look-ups use (the weights, or their bf16
// shadow), `norms` the f32 weights. With the gradients for both: where the gradients go; those of what is
// frozen are absent.
EncoderParameters encoder_parameters(const ParameterTable& table, const ModelConfig& config,
                                     const Tensor& matrices, const Tensor& norms);

// A norm's input and statistics, for backward. In inference absent, but for the sum of norms before each
// half: it is the hidden state that the halves add to.
struct NormSaved {
  Tensor sum, mean, rstd;
};
// T is f32 or bf16. In inference every block has the same buffers, and `out` is the block's input too. With
// ModelConfig::recompute blocks share all but their result: `out` and, with norms before, output_norm.sum.
struct BlockActivations {
  Tensor qkv;  // T [tokens, packed width]
  Tensor heads,
      heads_rstd;       // T as qkv, after head norms (qkv itself without); f32 [tokens, heads], training only
  Tensor context, lse;  // T [tokens, heads * head size]; f32 [heads, tokens], training only
  Tensor attention_dense;    // T [tokens, hidden], becomes attention_norm.sum in training
  NormSaved attention_norm;  //
  Tensor attention_out;      // T [tokens, hidden]
  Tensor inner_pre, inner;   // T [tokens, inner products]; [tokens, inner] after activation or gate
  Tensor dense;              // T [tokens, hidden], becomes output_norm.sum in training
  NormSaved output_norm;     //
  Tensor out;                // T [tokens, hidden]
  LowRankSaved reduced;
};
struct EncoderActivations {
  Tensor embedded;  // T [tokens, hidden], becomes norm.sum
  NormSaved norm;
  Tensor out;  // T [tokens, hidden]
  std::vector<BlockActivations> blocks;
  LowRankScratch updates;
  Tensor bias, dbias;  // f32 [distances, heads], for the longest row there may be; dbias in training only
  // Backward only. `gradient` is the running gradient of the hidden states, the others one block's scratch.
  Tensor gradient, dnormed, ddense, dinner, dinner_pre, dcontext, dqkv;

  Tensor hidden() const { return blocks.empty() ? out : blocks.back().out; }
};

class Transformer {
 public:
  // `type`: f32 or bf16, of activations and of the weights in products.
  Transformer(Backend& backend, const ModelConfig& config, DType type);
  // Rotary embeddings: tables for rows up to this length. To be called before the first forward.
  void prepare_positions(int64_t longest);

  static EncoderActivations lay_out(Arena& arena, const ModelConfig& config, DType type, Purpose purpose,
                                    int64_t tokens);

  // After layer `index` (0: embeddings) of a training forward, as Hugging Face counts hidden states.
  Tensor hidden_state(const EncoderActivations& saved, int index) const;

  // Fills `saved`, laid out for this batch; its last hidden states are the result. No key: no dropout.
  void forward(EncoderActivations& saved, const EncoderParameters& weights, const Batch& batch,
               const Packing& packing, std::optional<uint64_t> dropout_key) const;
  // From saved.gradient, the gradient of the last hidden states (overwritten), adds to every trained
  // parameter's gradient; it goes no further down than the lowest of them. The key is forward's. on_layer(l)
  // is called when layer l's gradients are complete: blocks from `layers` to 1, then 0, the embeddings.
  void backward(EncoderParameters& gradients, EncoderActivations& saved, const EncoderParameters& weights,
                const Batch& batch, const Packing& packing, std::optional<uint64_t> dropout_key,
                const std::function<void(int layer)>& on_layer) const;

 private:
  struct BlockDropout {
    Dropout attention, attention_output, output;
  };
  Backend& backend_;
  ModelConfig config_;
  std::vector<Buffer> table_memory_;
  std::vector<Tensor> tables_;  // one for each of config_.ropes
  LowRankLayers updates_;

  // One block's pass: what its layers share.
  struct Pass {
    const Packing& packing;
    std::optional<uint64_t> dropout_key;
    const LowRankScratch& updates;
    int64_t block;
    Tensor bias, dbias;  // of attention, by distance; absent without, dbias also in forward

    int layer() const { return static_cast<int>(block) + 1; }
  };

  bool before() const { return config_.norm_placement == NormPlacement::before; }
  // What block `index` reads, and what its first half adds to.
  static Tensor block_input(const EncoderActivations& saved, size_t index);
  Tensor block_stream(const EncoderActivations& saved, size_t index) const;
  Tensor rotation(int64_t layer) const;  // absent without rotary embeddings
  BlockDropout block_dropout(std::optional<uint64_t> key, int layer) const;
  void norm_forward(const Tensor& y, const NormSaved& saved, const Tensor& x, const Tensor& residual,
                    const Norm& weights, const Dropout& dropout, const Packing& packing) const;
  Tensor norm_backward(Norm& gradients, EncoderActivations& scratch, const NormSaved& saved,
                       const Norm& weights, const Dropout& dropout, const Packing& packing) const;
  LowRankLayers::Call update_call(const BlockActivations& a, BlockLinear linear, const Pass& pass) const;
  void linear_forward(const Tensor& y, const Tensor& x, const Linear& weights,
                      const LowRankLayers::Call& updates) const;
  void linear_backward(Linear& gradients, const Tensor& dx, Write write, const Tensor& dy, const Tensor& x,
                       const Linear& weights, const LowRankLayers::Call& updates) const;
  void half_backward(Linear& gradients, EncoderActivations& scratch, bool reads_stream, const Tensor& dy,
                     const Tensor& x, const Linear& weights, const LowRankLayers::Call& updates) const;
  void embeddings_forward(EncoderActivations& a, const EncoderParameters& w, const Batch& batch,
                          const Packing& packing, const Dropout& dropout) const;
  void embeddings_backward(EncoderParameters& g, EncoderActivations& a, const EncoderParameters& w,
                           const Batch& batch, const Packing& packing, const Dropout& dropout) const;
  void feed_forward(BlockActivations& a, const BlockParameters& w, const Pass& pass) const;
  void block_forward(BlockActivations& a, const Tensor& x, const Tensor& stream, const BlockParameters& w,
                     const Pass& pass) const;
  void block_backward(BlockParameters& g, EncoderActivations& scratch, const BlockActivations& a,
                      const Tensor& x, const BlockParameters& w, const Pass& pass) const;
  void distance_bias_forward(const Tensor& bias, const EncoderParameters& w) const;
  void distance_bias_backward(EncoderParameters& g, const Tensor& dbias) const;
};

}  // namespace limner
