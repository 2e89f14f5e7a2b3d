#include "model/transformer.h"

#include <algorithm>

#include "model/distance_buckets.h"
#include "model/dropout.h"
#include "model/family.h"

namespace limner {
namespace {

// The lowest layer that has gradients: 0, the embeddings, or a block's number from 1 on.
int lowest_trained(const EncoderParameters& gradients) {
  if (!gradients.word.absent()) return 0;
  const auto trains = [](const BlockParameters& block) {
    const auto updated = [](const Linear& linear) { return !linear.updates.empty(); };
    return !block.qkv.weight.absent() || updated(block.qkv) || updated(block.attention_output) ||
           updated(block.inner) || updated(block.output);
  };
  const auto first = std::find_if(gradients.blocks.begin(), gradients.blocks.end(), trains);
  return static_cast<int>(first - gradients.blocks.begin()) + 1;
}

// RoBERTa's rows of the position table begin at position_offset and count only tokens that are not padding; a
// padding token, which a text may hold, has a row of its own.
std::vector<int32_t> table_positions(const ModelConfig& config, const Batch& batch) {
  if (config.position_offset == 0) return batch.positions;
  std::vector<int32_t> positions(batch.ids.size());
  for (size_t row = 0; row + 1 < batch.cu_lengths.size(); ++row) {
    auto next = static_cast<int32_t>(config.position_offset);
    const auto end = static_cast<size_t>(batch.cu_lengths[row + 1]);
    for (auto token = static_cast<size_t>(batch.cu_lengths[row]); token < end; ++token) {
      positions[token] = batch.ids[token] == config.pad_id ? config.pad_id : next++;
    }
  }
  return positions;
}

// The distances that this batch has.
Tensor of_batch(const Tensor& bias, const Packing& packing) {
  return bias.absent() ? bias : bias.slice_rows(0, 2 * packing.max_length - 1);
}

}  // namespace

Transformer::Transformer(Backend& backend, const ModelConfig& config, DType type)
    : backend_(backend), config_(config), updates_(backend, config.lora) {
  require(type == DType::f32 || type == DType::bf16, "activations are f32 or bf16, not {}", dtype_name(type));
}

void Transformer::prepare_positions(int64_t longest) {
  const int64_t positions = std::min(longest, config_.max_positions), size = config_.head_size();
  if (!tables_.empty() && tables_.front().rows() >= positions) return;
  table_memory_.clear();
  tables_.clear();
  for (const Rope& rope : config_.ropes) {
    const std::vector<float> table = rotation_table(rope, size, positions);
    const Buffer& memory =
        table_memory_.emplace_back(backend_.allocate(positions * size * dtype_bytes(DType::f32)));
    tables_.emplace_back(memory.data(), DType::f32, std::initializer_list<int64_t>{positions, size},
                         memory.device());
    backend_.upload(tables_.back(), table.data());
  }
}

Tensor Transformer::hidden_state(const EncoderActivations& saved, int index) const {
  if (index == 0) return before() && !config_.embedding_norm ? saved.norm.sum : saved.out;
  const BlockActivations& block = saved.blocks[static_cast<size_t>(index) - 1];
  return before() && index < config_.layers ? block.output_norm.sum : block.out;
}

Tensor Transformer::block_input(const EncoderActivations& saved, size_t index) {
  return index == 0 ? saved.out : saved.blocks[index - 1].out;
}

Tensor Transformer::block_stream(const EncoderActivations& saved, size_t index) const {
  if (!before()) return block_input(saved, index);
  if (index > 0) return saved.blocks[index - 1].output_norm.sum;
  return config_.embedding_norm ? saved.out : saved.norm.sum;
}

Tensor Transformer::rotation(int64_t layer) const {
  if (config_.ropes.empty()) return {};
  require(!tables_.empty(), "a forward before prepare_positions");
  return config_.window(layer) > 0 ? tables_.back() : tables_.front();
}

Transformer::BlockDropout Transformer::block_dropout(std::optional<uint64_t> key, int layer) const {
  return {dropout_at(key, config_.attention_dropout, layer, DropoutPlace::attention),
          dropout_at(key, config_.hidden_dropout, layer, DropoutPlace::attention_output),
          dropout_at(key, config_.hidden_dropout, layer, DropoutPlace::output)};
}

void Transformer::forward(EncoderActivations& saved, const EncoderParameters& weights, const Batch& batch,
                          const Packing& packing, std::optional<uint64_t> dropout_key) const {
  embeddings_forward(saved, weights, batch, packing,
                     dropout_at(dropout_key, config_.embedding_dropout, 0, DropoutPlace::embeddings));
  const Tensor bias = of_batch(saved.bias, packing);
  distance_bias_forward(bias, weights);
  for (size_t index = 0; index < saved.blocks.size(); ++index) {
    block_forward(saved.blocks[index], block_input(saved, index), block_stream(saved, index),
                  weights.blocks[index],
                  {packing, dropout_key, saved.updates, static_cast<int64_t>(index), bias, {}});
  }
}

void Transformer::backward(EncoderParameters& gradients, EncoderActivations& saved,
                           const EncoderParameters& weights, const Batch& batch, const Packing& packing,
                           std::optional<uint64_t> dropout_key,
                           const std::function<void(int layer)>& on_layer) const {
  // The gradient comes for the last norm's result; nothing has reached the stream yet.
  if (before()) {
    std::swap(saved.gradient, saved.dnormed);
    backend_.fill_zero(saved.gradient);
  }
  const int lowest = lowest_trained(gradients);
  const Tensor bias = of_batch(saved.bias, packing);
  const Tensor dbias = gradients.distance_bias.absent() ? Tensor() : of_batch(saved.dbias, packing);
  if (!dbias.absent()) backend_.fill_zero(dbias);
  for (size_t index = saved.blocks.size(); index-- > 0;) {
    const Tensor x = block_input(saved, index);
    const Pass pass{packing, dropout_key, saved.updates, static_cast<int64_t>(index), bias, dbias};
    if (pass.layer() >= lowest) {
      // The last block's activations are still there.
      if (config_.recompute && index + 1 < saved.blocks.size()) {
        block_forward(saved.blocks[index], x, block_stream(saved, index), weights.blocks[index], pass);
      }
      block_backward(gradients.blocks[index], saved, saved.blocks[index], x, weights.blocks[index], pass);
    }
    on_layer(pass.layer());
  }
  if (lowest == 0) {
    embeddings_backward(gradients, saved, weights, batch, packing,
                        dropout_at(dropout_key, config_.embedding_dropout, 0, DropoutPlace::embeddings));
    distance_bias_backward(gradients, dbias);
  }
  on_layer(0);
}

void Transformer::norm_forward(const Tensor& y, const NormSaved& saved, const Tensor& x,
                               const Tensor& residual, const Norm& weights, const Dropout& dropout,
                               const Packing& packing) const {
  backend_.norm_forward(y, saved.sum, saved.mean, saved.rstd, x, residual, weights.gamma, weights.beta,
                        config_.norm, config_.norm_epsilon, dropout, packing);
}

// s.gradient becomes the gradient of the norm's sum, and so of the hidden states before it; returns that of
// the half whose output was added, which is the same without dropout. Norms after: s.gradient was that of the
// norm's result. Norms before: s.dnormed was, and s.gradient what the later halves sent to the sum.
Tensor Transformer::norm_backward(Norm& gradients, EncoderActivations& s, const NormSaved& saved,
                                  const Norm& weights, const Dropout& dropout, const Packing& packing) const {
  const Tensor ddense = dropout.active() ? s.ddense : Tensor();
  backend_.norm_backward(s.gradient, before() ? Write::add : Write::overwrite, ddense, gradients.gamma,
                         gradients.beta, before() ? s.dnormed : s.gradient, saved.sum, saved.mean, saved.rstd,
                         weights.gamma, config_.norm, dropout, packing);
  return ddense.absent() ? s.gradient : ddense;
}

LowRankLayers::Call Transformer::update_call(const BlockActivations& a, BlockLinear linear,
                                             const Pass& pass) const {
  return {linear,           pass.layer(), pass.updates, a.reduced[static_cast<size_t>(linear)],
          pass.dropout_key, pass.packing};
}

void Transformer::linear_forward(const Tensor& y, const Tensor& x, const Linear& w,
                                 const LowRankLayers::Call& updates) const {
  backend_.linear_forward(y, {}, x, w.weight, w.bias, Activation::none);
  updates_.forward(y, x, w, updates);
}

void Transformer::linear_backward(Linear& g, const Tensor& dx, Write write, const Tensor& dy, const Tensor& x,
                                  const Linear& w, const LowRankLayers::Call& updates) const {
  if (!g.weight.absent()) backend_.linear_backward_weight(g.weight, g.bias, dy, x);
  backend_.linear_backward_input(dx, write, dy, w.weight);
  updates_.backward(g, dx, dy, x, w, updates);
}

// Of the first product of a half, to the gradient of what the half reads. One that reads the stream itself
// adds.
void Transformer::half_backward(Linear& g, EncoderActivations& s, bool reads_stream, const Tensor& dy,
                                const Tensor& x, const Linear& w, const LowRankLayers::Call& updates) const {
  linear_backward(g, reads_stream ? s.gradient : s.dnormed, reads_stream ? Write::add : Write::overwrite, dy,
                  x, w, updates);
}

void Transformer::embeddings_forward(EncoderActivations& a, const EncoderParameters& w, const Batch& batch,
                                     const Packing& packing, const Dropout& dropout) const {
  backend_.embedding_forward(a.embedded, w.word, w.position, w.segment, batch.ids,
                             table_positions(config_, batch), batch.segments);
  norm_forward(a.out, a.norm, a.embedded, {}, w.norm, config_.embedding_norm ? Dropout() : dropout, packing);
  if (config_.embedding_norm && dropout.active()) backend_.dropout(a.out, a.out, dropout, packing);
}

void Transformer::embeddings_backward(EncoderParameters& g, EncoderActivations& a, const EncoderParameters& w,
                                      const Batch& batch, const Packing& packing,
                                      const Dropout& dropout) const {
  Tensor dembedded = a.gradient;
  if (config_.embedding_norm) {
    if (dropout.active()) backend_.dropout(a.gradient, a.gradient, dropout, packing);
    backend_.norm_backward(a.gradient, Write::overwrite, {}, g.norm.gamma, g.norm.beta, a.gradient,
                           a.norm.sum, a.norm.mean, a.norm.rstd, w.norm.gamma, config_.norm, {}, packing);
  } else {
    dembedded = norm_backward(g.norm, a, a.norm, w.norm, dropout, packing);
  }
  backend_.embedding_backward(g.word, g.position, g.segment, dembedded, batch.ids,
                              table_positions(config_, batch), batch.segments);
}

// One number a head and distance, for all blocks: each takes that of its bucket.
void Transformer::distance_bias_forward(const Tensor& bias, const EncoderParameters& w) const {
  if (bias.absent()) return;
  backend_.embedding_forward(bias, w.distance_bias, {}, {}, distance_buckets((bias.rows() + 1) / 2), {}, {});
}

void Transformer::distance_bias_backward(EncoderParameters& g, const Tensor& dbias) const {
  if (dbias.absent()) return;
  backend_.embedding_backward(g.distance_bias, {}, {}, dbias, distance_buckets((dbias.rows() + 1) / 2), {},
                              {});
}

// Vaswani et al., "Attention is all you need", 2017. Each half's output is added to the hidden states and the
// sum normalised: NormPlacement says whether the next half adds to the normalised sum or to the sum.
void Transformer::block_forward(BlockActivations& a, const Tensor& x, const Tensor& stream,
                                const BlockParameters& w, const Pass& pass) const {
  const BlockDropout dropout = block_dropout(pass.dropout_key, pass.layer());
  const AttentionShape shape = config_.attention(pass.block, dropout.attention);
  linear_forward(a.qkv, x, w.qkv, update_call(a, BlockLinear::qkv, pass));
  if (config_.head_norm) {
    backend_.head_norm_forward(a.heads, a.heads_rstd, a.qkv, w.query_gamma, w.key_gamma, config_.norm_epsilon,
                               shape);
  }
  if (const Tensor table = rotation(pass.block); !table.absent()) {
    backend_.rotate(a.heads, table, pass.packing, shape, Rotation::forward);
  }
  backend_.attention_forward(a.context, a.lse, a.heads, pass.bias, pass.packing, shape);
  linear_forward(a.attention_dense, a.context, w.attention_output,
                 update_call(a, BlockLinear::attention_output, pass));
  norm_forward(a.attention_out, a.attention_norm, a.attention_dense, stream, w.attention_norm,
               dropout.attention_output, pass.packing);

  feed_forward(a, w, pass);
  norm_forward(a.out, a.output_norm, a.dense, before() ? a.attention_norm.sum : a.attention_out,
               w.output_norm, dropout.output, pass.packing);
}

void Transformer::feed_forward(BlockActivations& a, const BlockParameters& w, const Pass& pass) const {
  const LowRankLayers::Call updates = update_call(a, BlockLinear::inner, pass);
  if (config_.feed_forward == FeedForward::gated) {
    linear_forward(a.inner_pre, a.attention_out, w.inner, updates);
    backend_.gate_forward(a.inner, a.inner_pre, config_.activation);
  } else if (w.inner.updates.empty()) {
    backend_.linear_forward(a.inner, a.inner_pre, a.attention_out, w.inner.weight, w.inner.bias,
                            config_.activation);
  } else {  // the update comes between product and activation
    const Tensor pre = a.inner_pre.absent() ? a.inner : a.inner_pre;
    linear_forward(pre, a.attention_out, w.inner, updates);
    backend_.activation_forward(a.inner, pre, config_.activation);
  }
  linear_forward(a.dense, a.inner, w.output, update_call(a, BlockLinear::output, pass));
}

// block_forward, from its last line to its first. On entry s.gradient (norms before: s.dnormed) is the
// gradient of a.out, on return that of x; norm_backward says what s.gradient is in between.
void Transformer::block_backward(BlockParameters& g, EncoderActivations& s, const BlockActivations& a,
                                 const Tensor& x, const BlockParameters& w, const Pass& pass) const {
  const BlockDropout dropout = block_dropout(pass.dropout_key, pass.layer());
  const Packing& packing = pass.packing;
  Tensor ddense = norm_backward(g.output_norm, s, a.output_norm, w.output_norm, dropout.output, packing);
  linear_backward(g.output, s.dinner, Write::overwrite, ddense, a.inner, w.output,
                  update_call(a, BlockLinear::output, pass));
  if (config_.feed_forward == FeedForward::gated) {
    backend_.gate_backward(s.dinner_pre, s.dinner, a.inner_pre, config_.activation);
  } else {
    backend_.activation_backward(s.dinner_pre, s.dinner, a.inner_pre, config_.activation);
  }
  half_backward(g.inner, s, !before(), s.dinner_pre, a.attention_out, w.inner,
                update_call(a, BlockLinear::inner, pass));

  ddense = norm_backward(g.attention_norm, s, a.attention_norm, w.attention_norm, dropout.attention_output,
                         packing);
  linear_backward(g.attention_output, s.dcontext, Write::overwrite, ddense, a.context, w.attention_output,
                  update_call(a, BlockLinear::attention_output, pass));
  const AttentionShape shape = config_.attention(pass.block, dropout.attention);
  backend_.attention_backward(s.dqkv, pass.dbias, s.dcontext, a.context, a.lse, a.heads, pass.bias, packing,
                              shape);
  if (const Tensor table = rotation(pass.block); !table.absent()) {
    backend_.rotate(s.dqkv, table, packing, shape, Rotation::backward);
  }
  if (config_.head_norm) {
    backend_.head_norm_backward(s.dqkv, g.query_gamma, g.key_gamma, s.dqkv, a.qkv, a.heads_rstd,
                                w.query_gamma, w.key_gamma, shape);
  }
  half_backward(g.qkv, s, !before() || (pass.block == 0 && config_.embedding_norm), s.dqkv, x, w.qkv,
                update_call(a, BlockLinear::qkv, pass));
}

}  // namespace limner
