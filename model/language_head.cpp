#include "model/language_head.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "model/family.h"

namespace limner {
namespace {

constexpr int64_t block_targets = 256;

// Normalisation wants to know rows for the sake of dropout, which this head has not: one row will do.
struct OneRow {
  std::array<int32_t, 2> cu_lengths;
  int64_t key = 0;
  explicit OneRow(int64_t tokens) : cu_lengths{0, static_cast<int32_t>(tokens)} {}
  Packing packing() const { return {cu_lengths, {&key, 1}, cu_lengths[1]}; }
};

Tensor first_rows(const Tensor& tensor, int64_t rows) {
  return tensor.absent() ? tensor : tensor.slice_rows(0, rows);
}

}  // namespace

LanguageHeadParameters language_head_parameters(const ModelConfig& config, const ParameterTable& table,
                                                const Tensor& matrices, const Tensor& norms) {
  if (!config.has_language_head()) return {};
  const auto view = [&](const Tensor& flat, const char* name) {
    return parameter_view(flat, table.find(name));
  };
  const std::string words = family_named(config.family).names.word + std::string(".weight");
  if (config.masking == Masking::causal) {
    return {{}, {}, view(matrices, config.tied_embeddings ? words.c_str() : "lm_head.weight"), {}};
  }
  return {{view(matrices, "cls.predictions.transform.dense.weight"),
           view(matrices, "cls.predictions.transform.dense.bias")},
          {view(norms, "cls.predictions.transform.LayerNorm.weight"),
           view(norms, "cls.predictions.transform.LayerNorm.bias")},
          view(matrices, words.c_str()),
          view(matrices, "cls.predictions.bias")};
}

LanguageHead::LanguageHead(Backend& backend, const ModelConfig& config)
    : backend_(backend), config_(config) {}

LanguageHeadActivations LanguageHead::lay_out(Arena& arena, const ModelConfig& config, DType type,
                                              Purpose purpose, int64_t tokens) {
  LanguageHeadActivations a;
  if (!config.has_language_head()) return a;
  const bool training = purpose == Purpose::training;
  const int64_t targets = std::min(block_targets, tokens);
  const auto vectors = [&] { return arena.take(type, {targets, config.hidden}); };
  a.vectors = vectors();
  if (config.masking == Masking::bidirectional) {
    if (training) a.pre = vectors();
    a.dense = vectors();
    a.normed = vectors();
    if (training) a.norm = {a.dense, arena.take(DType::f32, {targets}), arena.take(DType::f32, {targets})};
  }
  a.logits = arena.take(type, {targets, config.vocabulary});
  a.loss = arena.take(DType::f32, {targets});
  if (!training) return a;
  a.dlogits = arena.take(type, {targets, config.vocabulary});
  a.dvectors = vectors();
  a.dhidden = arena.take(DType::f32, {tokens, config.hidden});
  if (type != DType::f32) a.dhidden_cast = arena.take(type, {tokens, config.hidden});
  return a;
}

bool LanguageHead::transforms() const { return config_.masking == Masking::bidirectional; }

const Tensor& LanguageHead::decoded(const LanguageHeadActivations& a) const {
  return transforms() ? a.normed : a.vectors;
}

std::vector<LanguageHead::Block> LanguageHead::blocks(const LanguageHeadActivations& saved,
                                                      const Batch& batch) const {
  require(batch.target_places.size() == batch.target_ids.size(), "{} places and {} tokens to guess",
          batch.target_places.size(), batch.target_ids.size());
  std::vector<Block> result;
  const auto total = static_cast<int64_t>(batch.target_ids.size());
  for (int64_t first = 0; first < total; first += saved.vectors.rows()) {
    const int64_t count = std::min(saved.vectors.rows(), total - first);
    LanguageHeadActivations a = saved;
    for (Tensor* tensor : {&a.vectors, &a.pre, &a.dense, &a.normed, &a.norm.sum, &a.norm.mean, &a.norm.rstd,
                           &a.logits, &a.dlogits, &a.loss, &a.dvectors}) {
      *tensor = first_rows(*tensor, count);
    }
    const auto part = [&](const std::vector<int32_t>& all) {
      return std::span(all).subspan(static_cast<size_t>(first), static_cast<size_t>(count));
    };
    result.push_back({a, part(batch.target_places), part(batch.target_ids)});
  }
  return result;
}

double LanguageHead::block_forward(Block& block, const LanguageHeadParameters& w, const Tensor& hidden,
                                   float scale) const {
  LanguageHeadActivations& a = block.a;
  backend_.embedding_forward(a.vectors, hidden, {}, {}, block.places, {}, {});  // a look-up by place
  if (transforms()) {
    const OneRow row(a.vectors.rows());
    backend_.linear_forward(a.dense, a.pre, a.vectors, w.transform.weight, w.transform.bias,
                            config_.activation);
    backend_.norm_forward(a.normed, a.norm.sum, a.norm.mean, a.norm.rstd, a.dense, {}, w.norm.gamma,
                          w.norm.beta, NormKind::layer, config_.norm_epsilon, {}, row.packing());
  }
  backend_.linear_forward(a.logits, {}, decoded(a), w.decoder, w.bias, Activation::none);
  backend_.cross_entropy(a.loss, a.dlogits, a.logits, block.ids, {}, {}, scale);
  std::vector<float> losses(block.ids.size());
  backend_.download(losses.data(), a.loss);
  return std::accumulate(losses.begin(), losses.end(), 0.0);
}

// block_forward, from its last line to its first.
void LanguageHead::block_backward(LanguageHeadParameters& g, Block& block,
                                  const LanguageHeadParameters& w) const {
  LanguageHeadActivations& a = block.a;
  backend_.linear_backward_weight(g.decoder, g.bias, a.dlogits, decoded(a));
  backend_.linear_backward_input(a.dvectors, Write::overwrite, a.dlogits, w.decoder);
  if (!transforms()) {
    backend_.embedding_backward(a.dhidden, {}, {}, a.dvectors, block.places, {}, {});
    return;
  }
  const OneRow row(a.vectors.rows());
  backend_.norm_backward(a.dvectors, Write::overwrite, {}, g.norm.gamma, g.norm.beta, a.dvectors, a.norm.sum,
                         a.norm.mean, a.norm.rstd, w.norm.gamma, NormKind::layer, {}, row.packing());
  backend_.activation_backward(a.dvectors, a.dvectors, a.pre, config_.activation);
  backend_.linear_backward_weight(g.transform.weight, g.transform.bias, a.dvectors, a.vectors);
  backend_.linear_backward_input(a.normed, Write::overwrite, a.dvectors, w.transform.weight);
  backend_.embedding_backward(a.dhidden, {}, {}, a.normed, block.places, {}, {});
}

double LanguageHead::loss(LanguageHeadActivations& saved, const LanguageHeadParameters& weights,
                          const Tensor& hidden, const Batch& batch) const {
  double sum = 0.0;
  for (Block& block : blocks(saved, batch)) {
    block.a.dlogits = {};
    sum += block_forward(block, weights, hidden, 1.0f);
  }
  return sum;
}

double LanguageHead::backward(LanguageHeadParameters& gradients, const Tensor& dhidden,
                              LanguageHeadActivations& saved, const LanguageHeadParameters& weights,
                              const Tensor& hidden, const Batch& batch, float scale) const {
  backend_.fill_zero(saved.dhidden);
  double sum = 0.0;
  for (Block& block : blocks(saved, batch)) {
    sum += block_forward(block, weights, hidden, scale);
    block_backward(gradients, block, weights);
  }
  if (!saved.dhidden_cast.absent()) backend_.cast(saved.dhidden_cast, saved.dhidden);
  backend_.add(dhidden, saved.dhidden_cast.absent() ? saved.dhidden : saved.dhidden_cast);
  return sum;
}

}  // namespace limner
