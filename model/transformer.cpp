#include "model/transformer.h"

#include "model/dropout.h"

namespace limner {
namespace {

// `dense` may hold the sum: the normalised value replaces it only in inference.
NormSaved lay_out_norm(Arena& arena, Purpose purpose, const Tensor& dense) {
  if (purpose == Purpose::inference) return {};
  const int64_t tokens = dense.dim(0);
  return {dense, arena.take(DType::f32, {tokens}), arena.take(DType::f32, {tokens})};
}

BlockActivations lay_out_block(Arena& arena, const ModelConfig& config, DType type, Purpose purpose,
                               int64_t tokens, const Tensor& attention_out, const Tensor& out) {
  const bool training = purpose == Purpose::training;
  BlockActivations a;
  a.attention_out = attention_out;
  a.out = out;
  const int64_t start = arena.mark();
  a.qkv = arena.take(type, {tokens, 3 * config.hidden});
  a.context = arena.take(type, {tokens, config.hidden});
  if (training) a.lse = arena.take(DType::f32, {config.heads, tokens});
  a.attention_dense = arena.take(type, {tokens, config.hidden});
  a.attention_norm = lay_out_norm(arena, purpose, a.attention_dense);

  if (!training) arena.release(start);  // the feed-forward layer may lie where attention was
  if (training) a.inner_pre = arena.take(type, {tokens, config.inner});
  a.inner = arena.take(type, {tokens, config.inner});
  a.dense = arena.take(type, {tokens, config.hidden});
  a.output_norm = lay_out_norm(arena, purpose, a.dense);
  return a;
}

void lay_out_backward(EncoderActivations& a, Arena& arena, const ModelConfig& config, DType type,
                      int64_t tokens) {
  a.gradient = arena.take(type, {tokens, config.hidden});
  a.ddense = arena.take(type, {tokens, config.hidden});
  const int64_t start = arena.mark();
  a.dinner = arena.take(type, {tokens, config.inner});
  arena.release(start);  // attention's gradients come after the feed-forward layer's
  a.dcontext = arena.take(type, {tokens, config.hidden});
  a.dqkv = arena.take(type, {tokens, 3 * config.hidden});
}

}  // namespace

EncoderParameters encoder_parameters(const ParameterTable& table, int64_t layers, const Tensor& matrices,
                                     const Tensor& norms) {
  const auto matrix = [&](const std::string& name) { return parameter_view(matrices, table.find(name)); };
  const auto linear = [&](const std::string& name) {
    return Linear{matrix(name + ".weight"), matrix(name + ".bias")};
  };
  const auto norm = [&](const std::string& name) {
    return Norm{parameter_view(norms, table.find(name + ".weight")),
                parameter_view(norms, table.find(name + ".bias"))};
  };
  EncoderParameters p;
  p.word = matrix("embeddings.word_embeddings.weight");
  p.position = matrix("embeddings.position_embeddings.weight");
  p.segment = matrix("embeddings.token_type_embeddings.weight");
  p.norm = norm("embeddings.LayerNorm");
  for (int64_t index = 0; index < layers; ++index) {
    const std::string block = fmt::format("encoder.layer.{}.", index);
    p.blocks.push_back({linear(block + "attention.self.qkv"), linear(block + "attention.output.dense"),
                        linear(block + "intermediate.dense"), linear(block + "output.dense"),
                        norm(block + "attention.output.LayerNorm"), norm(block + "output.LayerNorm")});
  }
  return p;
}

Transformer::Transformer(Backend& backend, const ModelConfig& config, DType type)
    : backend_(backend), config_(config) {
  require(type == DType::f32 || type == DType::bf16, "activations are f32 or bf16, not {}", dtype_name(type));
}

EncoderActivations Transformer::lay_out(Arena& arena, const ModelConfig& config, DType type, Purpose purpose,
                                        int64_t tokens) {
  const auto hidden = [&] { return arena.take(type, {tokens, config.hidden}); };
  EncoderActivations a;
  a.out = hidden();
  a.embedded = hidden();
  a.norm = lay_out_norm(arena, purpose, a.embedded);
  if (purpose == Purpose::inference) {
    // Every block reads `out`, keeps its attention's result where the embeddings were, and writes `out`
    // again.
    const BlockActivations shared = lay_out_block(arena, config, type, purpose, tokens, a.embedded, a.out);
    a.blocks.assign(static_cast<size_t>(config.layers), shared);
    return a;
  }
  for (int64_t index = 0; index < config.layers; ++index) {
    const Tensor attention_out = hidden();
    a.blocks.push_back(lay_out_block(arena, config, type, purpose, tokens, attention_out, hidden()));
  }
  lay_out_backward(a, arena, config, type, tokens);
  return a;
}

AttentionShape Transformer::attention_shape(const Dropout& dropout) const {
  return {config_.heads, config_.head_size(), Masking::bidirectional, dropout};
}

Transformer::BlockDropout Transformer::block_dropout(std::optional<uint64_t> key, int layer) const {
  return {dropout_at(key, config_.attention_dropout, layer, DropoutPlace::attention),
          dropout_at(key, config_.hidden_dropout, layer, DropoutPlace::attention_output),
          dropout_at(key, config_.hidden_dropout, layer, DropoutPlace::output)};
}

void Transformer::forward(EncoderActivations& saved, const EncoderParameters& weights, const Batch& batch,
                          const Packing& packing, std::optional<uint64_t> dropout_key) const {
  embeddings_forward(saved, weights, batch, packing,
                     dropout_at(dropout_key, config_.hidden_dropout, 0, DropoutPlace::embeddings));
  Tensor x = saved.out;
  for (size_t index = 0; index < saved.blocks.size(); ++index) {
    BlockActivations& block = saved.blocks[index];
    block_forward(block, x, weights.blocks[index], packing,
                  block_dropout(dropout_key, static_cast<int>(index) + 1));
    x = block.out;
  }
}

void Transformer::backward(EncoderParameters& gradients, EncoderActivations& saved,
                           const EncoderParameters& weights, const Batch& batch, const Packing& packing,
                           std::optional<uint64_t> dropout_key,
                           const std::function<void(int layer)>& on_layer) const {
  for (size_t index = saved.blocks.size(); index-- > 0;) {
    const Tensor x = index == 0 ? saved.out : saved.blocks[index - 1].out;
    const int layer = static_cast<int>(index) + 1;
    block_backward(gradients.blocks[index], saved, saved.blocks[index], x, weights.blocks[index], packing,
                   block_dropout(dropout_key, layer));
    on_layer(layer);
  }
  embeddings_backward(gradients, saved, weights, batch, packing,
                      dropout_at(dropout_key, config_.hidden_dropout, 0, DropoutPlace::embeddings));
  on_layer(0);
}

void Transformer::embeddings_forward(EncoderActivations& a, const EncoderParameters& w, const Batch& batch,
                                     const Packing& packing, const Dropout& dropout) const {
  backend_.embedding_forward(a.embedded, w.word, w.position, w.segment, batch.ids, batch.positions,
                             batch.segments);
  backend_.norm_forward(a.out, a.norm.sum, a.norm.mean, a.norm.rstd, a.embedded, {}, w.norm.gamma,
                        w.norm.beta, config_.norm_epsilon, {}, packing);
  if (dropout.active()) backend_.dropout(a.out, a.out, dropout, packing);
}

void Transformer::embeddings_backward(EncoderParameters& g, EncoderActivations& a, const EncoderParameters& w,
                                      const Batch& batch, const Packing& packing,
                                      const Dropout& dropout) const {
  if (dropout.active()) backend_.dropout(a.gradient, a.gradient, dropout, packing);
  backend_.norm_backward(a.gradient, {}, g.norm.gamma, g.norm.beta, a.gradient, a.norm.sum, a.norm.mean,
                         a.norm.rstd, w.norm.gamma, {}, packing);
  backend_.embedding_backward(g.word, g.position, g.segment, a.gradient, batch.ids, batch.positions,
                              batch.segments);
}

// Vaswani et al., "Attention is all you need", 2017, with the normalisation after each residual.
void Transformer::block_forward(BlockActivations& a, const Tensor& x, const BlockParameters& w,
                                const Packing& packing, const BlockDropout& dropout) const {
  backend_.linear_forward(a.qkv, {}, x, w.qkv.weight, w.qkv.bias, Activation::none);
  backend_.attention_forward(a.context, a.lse, a.qkv, packing, attention_shape(dropout.attention));
  backend_.linear_forward(a.attention_dense, {}, a.context, w.attention_output.weight,
                          w.attention_output.bias, Activation::none);
  const NormSaved& attention = a.attention_norm;
  backend_.norm_forward(a.attention_out, attention.sum, attention.mean, attention.rstd, a.attention_dense, x,
                        w.attention_norm.gamma, w.attention_norm.beta, config_.norm_epsilon,
                        dropout.attention_output, packing);

  backend_.linear_forward(a.inner, a.inner_pre, a.attention_out, w.intermediate.weight, w.intermediate.bias,
                          config_.activation);
  backend_.linear_forward(a.dense, {}, a.inner, w.output.weight, w.output.bias, Activation::none);
  const NormSaved& output = a.output_norm;
  backend_.norm_forward(a.out, output.sum, output.mean, output.rstd, a.dense, a.attention_out,
                        w.output_norm.gamma, w.output_norm.beta, config_.norm_epsilon, dropout.output,
                        packing);
}

// block_forward, from its last line to its first. s.gradient is the gradient of a.out on entry and of x on
// return; in between it holds the residual's. Without dropout the dense layer's gradient is the residual's.
void Transformer::block_backward(BlockParameters& g, EncoderActivations& s, const BlockActivations& a,
                                 const Tensor& x, const BlockParameters& w, const Packing& packing,
                                 const BlockDropout& dropout) const {
  const NormSaved& output = a.output_norm;
  Tensor ddense = dropout.output.active() ? s.ddense : Tensor();
  backend_.norm_backward(s.gradient, ddense, g.output_norm.gamma, g.output_norm.beta, s.gradient, output.sum,
                         output.mean, output.rstd, w.output_norm.gamma, dropout.output, packing);
  if (ddense.absent()) ddense = s.gradient;
  backend_.linear_backward_weight(g.output.weight, g.output.bias, ddense, a.inner);
  backend_.linear_backward_input(s.dinner, Write::overwrite, ddense, w.output.weight);
  backend_.activation_backward(s.dinner, s.dinner, a.inner_pre, config_.activation);
  backend_.linear_backward_weight(g.intermediate.weight, g.intermediate.bias, s.dinner, a.attention_out);
  backend_.linear_backward_input(s.gradient, Write::add, s.dinner, w.intermediate.weight);

  const NormSaved& attention = a.attention_norm;
  ddense = dropout.attention_output.active() ? s.ddense : Tensor();
  backend_.norm_backward(s.gradient, ddense, g.attention_norm.gamma, g.attention_norm.beta, s.gradient,
                         attention.sum, attention.mean, attention.rstd, w.attention_norm.gamma,
                         dropout.attention_output, packing);
  if (ddense.absent()) ddense = s.gradient;
  backend_.linear_backward_weight(g.attention_output.weight, g.attention_output.bias, ddense, a.context);
  backend_.linear_backward_input(s.dcontext, Write::overwrite, ddense, w.attention_output.weight);
  backend_.attention_backward(s.dqkv, s.dcontext, a.context, a.lse, a.qkv, packing,
                              attention_shape(dropout.attention));
  backend_.linear_backward_weight(g.qkv.weight, g.qkv.bias, s.dqkv, x);
  backend_.linear_backward_input(s.gradient, Write::add, s.dqkv, w.qkv.weight);
}

}  // namespace limner
