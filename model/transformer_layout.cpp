// Where the parameters and the activations of the encoder lie.
#include <algorithm>

#include "model/family.h"
#include "model/transformer.h"

namespace limner {
namespace {

// `dense` may hold the sum: the normalised value replaces it only in inference.
NormSaved lay_out_norm(Arena& arena, const ModelConfig& config, const Tensor& dense) {
  const int64_t tokens = dense.dim(0);
  NormSaved saved{dense, {}, {}};
  if (config.norm == NormKind::layer) saved.mean = arena.take(DType::f32, {tokens});
  saved.rstd = arena.take(DType::f32, {tokens});
  return saved;
}

// Where inference keeps what the blocks share.
struct Shared {
  Tensor attention_out, out, stream;  // stream absent: the norms' results are the hidden states
  Tensor reduced;
};

BlockActivations lay_out_block(Arena& arena, const ModelConfig& config, DType type, Purpose purpose,
                               int64_t tokens, int64_t index, const Shared& shared) {
  const bool training = purpose == Purpose::training;
  const AttentionShape shape = config.attention(0, {});
  BlockActivations a;
  a.attention_out = shared.attention_out;
  a.out = shared.out;
  a.reduced = LowRankLayers::lay_out_block(arena, config, type, tokens, index, shared.reduced);
  const int64_t start = arena.mark();
  a.qkv = a.heads = arena.take(type, {tokens, shape.packed_width()});
  if (training && config.head_norm) {
    a.heads = arena.take(type, {tokens, shape.packed_width()});
    a.heads_rstd = arena.take(DType::f32, {tokens, shape.heads + shape.key_head_count()});
  }
  a.context = arena.take(type, {tokens, shape.width()});
  if (training) a.lse = arena.take(DType::f32, {config.heads, tokens});
  a.attention_dense = arena.take(type, {tokens, config.hidden});
  a.attention_norm =
      training ? lay_out_norm(arena, config, a.attention_dense) : NormSaved{shared.stream, {}, {}};

  if (!training) arena.release(start);  // the feed-forward layer may lie where attention was
  const bool keeps_pre = training || config.feed_forward == FeedForward::gated;
  if (keeps_pre) a.inner_pre = arena.take(type, {tokens, config.inner_products()});
  a.inner = arena.take(type, {tokens, config.inner});
  a.dense = arena.take(type, {tokens, config.hidden});
  a.output_norm = training ? lay_out_norm(arena, config, a.dense) : NormSaved{shared.stream, {}, {}};
  return a;
}

void lay_out_backward(EncoderActivations& a, Arena& arena, const ModelConfig& config, DType type,
                      int64_t tokens) {
  const AttentionShape shape = config.attention(0, {});
  a.gradient = arena.take(type, {tokens, config.hidden});
  a.ddense = arena.take(type, {tokens, config.hidden});
  if (config.norm_placement == NormPlacement::before) a.dnormed = arena.take(type, {tokens, config.hidden});
  const int64_t start = arena.mark();
  a.dinner = a.dinner_pre = arena.take(type, {tokens, config.inner});
  if (config.feed_forward == FeedForward::gated) a.dinner_pre = arena.take(type, {tokens, 2 * config.inner});
  arena.release(start);  // attention's gradients come after the feed-forward layer's
  a.dcontext = arena.take(type, {tokens, shape.width()});
  a.dqkv = arena.take(type, {tokens, shape.packed_width()});
}

}  // namespace

EncoderParameters encoder_parameters(const ParameterTable& table, const ModelConfig& config,
                                     const Tensor& matrices, const Tensor& norms) {
  const FamilyNames& names = family_named(config.family).names;
  const auto view = [&](const Tensor& flat, const std::string& name) {
    return table.has(name) ? parameter_view(flat, table.find(name)) : Tensor();
  };
  const auto linear = [&](int64_t block, BlockLinear which) {
    const std::string name = block_linear_name(config, block, which);
    Linear layer{parameter_view(matrices, table.find(name + ".weight")), view(matrices, name + ".bias")};
    for (const LinearModule& module : updated_modules(config, block, which)) {
      layer.updates.push_back({parameter_view(matrices, table.find(module.name + ".lora_A.weight")),
                               parameter_view(matrices, table.find(module.name + ".lora_B.weight")),
                               module.first});
    }
    return layer;
  };
  const auto norm = [&](const std::string& name) {
    return Norm{parameter_view(norms, table.find(name + ".weight")), view(norms, name + ".bias")};
  };
  const auto lookup = [&](const char* name) {
    return name == nullptr ? Tensor() : view(matrices, name + std::string(".weight"));
  };
  EncoderParameters p;
  p.word = lookup(names.word);
  p.position = lookup(names.position);
  p.segment = lookup(names.segment);
  p.norm = norm(first_norm(config));
  if (names.distance_bias != nullptr)
    p.distance_bias = view(norms, names.distance_bias + std::string(".weight"));
  for (int64_t index = 0; index < config.layers; ++index) {
    const std::string block = block_prefix(family_named(config.family), index);
    BlockParameters b;
    b.qkv = linear(index, BlockLinear::qkv);
    b.attention_output = linear(index, BlockLinear::attention_output);
    b.inner = linear(index, BlockLinear::inner);
    b.output = linear(index, BlockLinear::output);
    if (config.head_norm) {
      b.query_gamma = view(norms, block + names.query_norm + ".weight");
      b.key_gamma = view(norms, block + names.key_norm + ".weight");
    }
    b.attention_norm = norm(norm_after_attention(config, index));
    b.output_norm = norm(norm_after_feed_forward(config, index));
    p.blocks.push_back(b);
  }
  return p;
}

EncoderActivations Transformer::lay_out(Arena& arena, const ModelConfig& config, DType type, Purpose purpose,
                                        int64_t tokens) {
  const auto hidden = [&] { return arena.take(type, {tokens, config.hidden}); };
  const bool before = config.norm_placement == NormPlacement::before;
  EncoderActivations a;
  a.out = hidden();
  a.embedded = hidden();
  a.updates = LowRankLayers::lay_out(arena, config, type, purpose, tokens);
  if (config.distance_bias) {
    const int64_t distances = 2 * std::min(tokens, config.max_positions) - 1;
    const auto by_distance = [&] { return arena.take(DType::f32, {distances, config.heads}); };
    a.bias = by_distance();
    if (purpose == Purpose::training) a.dbias = by_distance();
  }
  if (purpose == Purpose::inference) {
    // Two tensors of hidden states. Norms after each half: every block reads `out`, keeps its attention's
    // result in the other, and writes `out` again. Norms before: the other is the stream that halves add to,
    // and `out` what they read; where the embeddings are normalised, that result is the stream.
    const Tensor normed = a.out, stream = a.embedded;
    if (before && config.embedding_norm) std::swap(a.out, a.embedded);
    if (before && !config.embedding_norm) a.norm.sum = stream;
    const Shared shared{before ? normed : stream, normed, before ? stream : Tensor(),
                        LowRankLayers::lay_out_shared(arena, config, type, tokens)};
    const int64_t start = arena.mark();
    for (int64_t index = 0; index < config.layers; ++index) {
      arena.release(start);  // every block lies where the one before it was
      a.blocks.push_back(lay_out_block(arena, config, type, purpose, tokens, index, shared));
    }
    return a;
  }
  a.norm = lay_out_norm(arena, config, a.embedded);
  BlockActivations block;
  for (int64_t index = 0; index < config.layers; ++index) {
    const Tensor out = hidden();
    if (index == 0 || !config.recompute) {
      block = lay_out_block(arena, config, type, purpose, tokens, index, {hidden(), out, {}, {}});
    } else {
      block.out = out;
      block.reduced = LowRankLayers::lay_out_block(arena, config, type, tokens, index, {});
      if (before) block.dense = block.output_norm.sum = hidden();
    }
    a.blocks.push_back(block);
  }
  lay_out_backward(a, arena, config, type, tokens);
  return a;
}

}  // namespace limner
