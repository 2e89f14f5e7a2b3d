#include "model/model.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "model/checkpoint.h"
#include "model/family.h"
#include "model/heads.h"
#include "model/language_head.h"
#include "model/padding.h"
#include "model/transformer.h"

namespace limner {
namespace {

struct Limit {
  int64_t tokens = 0, rows = 0;
};

// Everything one batch needs, in the order it lies in the arena.
struct Activations {
  HeadActivations heads;
  LanguageHeadActivations language;
  Tensor pooled, pooled_argmax;  // Model::pooled: f32, i32 [rows, hidden]
  Tensor dpooled;                // f32 [rows, hidden], of the contrastive objective in training
  EncoderActivations encoder;
};

Activations lay_out(Arena& arena, const ModelConfig& config, const std::vector<HeadSpec>& heads, DType type,
                    Purpose purpose, int64_t tokens, int64_t rows) {
  Activations a;
  a.heads = Heads::lay_out(arena, config, heads, purpose, rows);
  a.pooled = arena.take(DType::f32, {rows, config.hidden});
  a.pooled_argmax = arena.take(DType::i32, {rows, config.hidden});
  if (purpose == Purpose::training && config.contrastive.weight > 0) {
    a.dpooled = arena.take(DType::f32, {rows, config.hidden});
  }
  a.language = LanguageHead::lay_out(arena, config, type, purpose, tokens);
  a.encoder = Transformer::lay_out(arena, config, type, purpose, tokens);
  return a;
}

Packing packing_of(const Batch& batch) { return {batch.cu_lengths, batch.rows, batch.max_length}; }

ModelConfig with_pooler(ModelConfig config, const std::vector<HeadSpec>& heads, HeadInput head_input) {
  if (head_input != HeadInput::pooler || heads.empty()) return config;
  const FamilyHead& head = family_named(config.family).head;
  if (head.projection == nullptr) {
    fail(ExitCode::bad_config, "train.pooling: pooler: a {} model has none; set it to last or mean",
         config.family);
  }
  if (head.projection_in_encoder) config.has_pooler = true;
  return config;
}

void initialize_parameter(std::span<float> values, const ParamSpec& spec, float range, uint64_t seed) {
  if (spec.init == Init::zeros || spec.init == Init::ones) {
    std::fill(values.begin(), values.end(), spec.init == Init::ones ? 1.0f : 0.0f);
    return;
  }
  // Named by the parameter, so that a weight does not depend on what else the model has.
  const Random random(seed, "weights", stable_hash(spec.name));
  if (spec.init == Init::low_rank) {
    const double bound = 1.0 / std::sqrt(static_cast<double>(spec.dims[1]));
    for (size_t index = 0; index < values.size(); ++index) {
      values[index] = static_cast<float>(bound * (2.0 * random.uniform(index) - 1.0));
    }
    return;
  }
  for (size_t index = 0; index < values.size(); ++index) {
    values[index] = static_cast<float>(range * random.normal(index));
  }
}

// Pairs are told from all other rows, and so from padding.
bool pads(Shapes preferred, const ModelConfig& config) {
  return preferred == Shapes::few && config.contrastive.weight <= 0;
}

}  // namespace

struct Model::State {
  Backend& backend;
  ModelConfig config;
  std::vector<HeadSpec> heads;
  HeadInput head_input;
  DType precision;
  ParameterTable table;

  Buffer weights_memory, shadow_memory, gradients_memory, arena_memory;
  Tensor weights, shadow, gradients;
  EncoderParameters encoder_weights, encoder_gradients;
  HeadParameters head_weights, head_gradients;
  LanguageHeadParameters language_weights, language_gradients;

  Transformer encoder;
  Heads head_layer;
  LanguageHead language_head;
  Contrastive contrastive;
  std::vector<Objective> objectives;
  std::array<Limit, 2> limits{};  // by purpose

  // The last forward.
  Activations last;
  Purpose purpose = Purpose::inference;
  std::optional<uint64_t> dropout_key;
  int64_t tokens = 0, rows = 0;
  Batch padded_batch;  // the one that was computed, where pads()

  State(Backend& backend_, ModelConfig config_, std::vector<HeadSpec> heads_, HeadInput head_input_,
        DType precision_)
      : backend(backend_),
        config(with_pooler(std::move(config_), heads_, head_input_)),
        heads(std::move(heads_)),
        head_input(head_input_),
        precision(precision_),
        table(config, heads, head_input),
        encoder(backend, config, precision),
        head_layer(backend, config, heads, head_input),
        language_head(backend, config),
        contrastive(backend, config) {
    for (const HeadSpec& head : heads) objectives.push_back({head.name, head.weight});
    if (config.has_language_head())
      objectives.push_back({config.language_objective(), config.language_weight});
    if (config.contrastive.weight > 0) objectives.push_back({"contrastive", config.contrastive.weight});
    if (precision == DType::bf16) {
      weights = make_flat(weights_memory, DType::f32, table.f32_elements());
      shadow = make_flat(shadow_memory, DType::bf16, table.elements());
    } else {
      weights = make_flat(weights_memory, DType::f32, table.elements());
    }
    const Tensor& matrices = precision == DType::bf16 ? shadow : weights;
    encoder_weights = encoder_parameters(table, config, matrices, weights);
    language_weights = language_head_parameters(config, table, matrices, weights);
    head_weights = head_parameters(table, config, heads, head_input, weights);
  }

  Tensor make_flat(Buffer& buffer, DType dtype, int64_t elements) const {
    buffer = backend.allocate(elements * dtype_bytes(dtype));
    return Tensor(buffer.data(), dtype, {elements}, buffer.device());
  }

  void make_gradients() {
    if (!gradients.absent()) return;
    gradients = make_flat(gradients_memory, DType::f32, table.trained_elements());
    encoder_gradients = encoder_parameters(table, config, gradients, gradients);
    head_gradients = head_parameters(table, config, heads, head_input, gradients);
    language_gradients = language_head_parameters(config, table, gradients, gradients);
  }

  void check_fits(const Batch& batch, Purpose wanted) const {
    const Limit& limit = limits[static_cast<size_t>(wanted)];
    require(batch.token_count() <= limit.tokens && batch.row_count() <= limit.rows,
            "a batch of {} tokens in {} rows; planned were {} in {}", batch.token_count(), batch.row_count(),
            limit.tokens, limit.rows);
    require(batch.max_length <= config.max_positions, "a row of {} tokens; the model has {} positions",
            batch.max_length, config.max_positions);
  }

  void check_is_last(const Batch& batch) const {
    require(batch.token_count() == tokens && batch.row_count() == rows,
            "a batch of {} tokens in {} rows is not that of the last forward, {} in {}", batch.token_count(),
            batch.row_count(), tokens, rows);
  }

  bool contrasts() const { return config.contrastive.weight > 0; }
  bool pads() const { return limner::pads(backend.preferred_shapes(), config); }

  // What is computed for a batch.
  const Batch& computed(const Batch& batch) const { return pads() ? padded_batch : batch; }
  std::vector<HeadLabels> computed(const std::vector<HeadLabels>& labels) const {
    return pads() && rows > 0 ? padded(labels, heads, rows, padded_batch.row_count()) : labels;
  }

  // The gradient of the pairs' vectors becomes one of the hidden states.
  double contrastive_backward(const Packing& packing, const PairVectors& pairs, double total_weight) {
    const Contrastive::Result result = contrastive.evaluate(pairs, config.contrastive.weight / total_weight);
    backend.upload(last.dpooled, result.gradient.data());
    backend.pool_backward(last.encoder.gradient, Write::add, last.dpooled, last.pooled_argmax, packing,
                          config.contrastive.pooling, config.unpooled_tokens);
    return result.loss;
  }

  // Takes one parameter's values; refresh_shadow() follows the last.
  void store(int64_t offset, std::span<const float> values) {
    const auto count = static_cast<int64_t>(values.size());
    if (offset < weights.elements()) {
      backend.upload(weights.slice_rows(offset, count), values.data());
      return;
    }
    std::vector<bfloat16> rounded;
    rounded.reserve(values.size());
    for (const float value : values) rounded.emplace_back(value);
    backend.upload(shadow.slice_rows(offset, count), rounded.data());
  }

  void refresh_shadow() {
    if (!shadow.absent()) backend.cast(shadow.slice_rows(0, weights.elements()), weights);
  }
};

Model::Model(Backend& backend, ModelConfig config, std::vector<HeadSpec> heads, HeadInput head_input,
             DType precision)
    : state_(std::make_unique<State>(backend, std::move(config), std::move(heads), head_input, precision)) {}
Model::~Model() = default;
Model::Model(Model&&) noexcept = default;

const ModelConfig& Model::config() const { return state_->config; }
const std::vector<HeadSpec>& Model::heads() const { return state_->heads; }
const ParameterTable& Model::parameters() const { return state_->table; }
HeadInput Model::head_input() const { return state_->head_input; }
DType Model::precision() const { return state_->precision; }
Tensor Model::weights() { return state_->weights; }
Tensor Model::trained_weights() { return state_->weights.slice_rows(0, state_->table.trained_elements()); }
Tensor Model::shadow() { return state_->shadow; }
Tensor Model::gradients() { return state_->gradients; }

void Model::initialize(uint64_t seed) {
  std::vector<float> values;
  for (const ParamSpec& spec : state_->table.all()) {
    values.resize(static_cast<size_t>(spec.elements()));
    initialize_parameter(values, spec, state_->config.initializer_range, seed);
    state_->store(spec.offset, values);
  }
  state_->refresh_shadow();
}

std::vector<std::string> Model::load(const std::filesystem::path& folder) {
  auto missing =
      read_weights(folder, state_->table, state_->config, state_->heads, state_->head_input,
                   [&](int64_t offset, std::span<const float> values) { state_->store(offset, values); });
  state_->refresh_shadow();
  return missing;
}

void Model::refresh_shadow() { state_->refresh_shadow(); }

std::vector<float> Model::download_weights() const { return download(state_->weights); }

std::vector<float> Model::download(const Tensor& tensor) const {
  require(tensor.dtype == DType::f32, "a download of {}", tensor.description());
  std::vector<float> values(static_cast<size_t>(tensor.elements()));
  state_->backend.download(values.data(), tensor);
  return values;
}

void Model::upload(const Tensor& tensor, std::span<const float> values) {
  require(tensor.dtype == DType::f32 && tensor.elements() == static_cast<int64_t>(values.size()),
          "an upload of {} values to {}", values.size(), tensor.description());
  state_->backend.upload(tensor, values.data());
}

int64_t Model::predict_bytes(const ModelConfig& config, const std::vector<HeadSpec>& heads, DType precision,
                             Purpose purpose, int64_t max_tokens, int64_t max_rows, Shapes shapes) {
  if (pads(shapes, config)) {
    max_tokens = padded_tokens(max_tokens);
    max_rows = most_padded_rows(max_rows);
  }
  Arena counting;
  lay_out(counting, config, heads, precision, purpose, max_tokens, max_rows);
  return counting.high_water_bytes();
}

int64_t Model::plan(Purpose purpose, int64_t max_tokens, int64_t max_rows) {
  State& s = *state_;
  const auto widen = [&](Purpose which) {
    Limit& limit = s.limits[static_cast<size_t>(which)];
    limit = {std::max(limit.tokens, s.pads() ? padded_tokens(max_tokens) : max_tokens),
             std::max(limit.rows, s.pads() ? most_padded_rows(max_rows) : max_rows)};
    return predict_bytes(s.config, s.heads, s.precision, which, limit.tokens, limit.rows);
  };
  int64_t bytes = widen(Purpose::inference);
  if (purpose == Purpose::training) {
    bytes = std::max(bytes, widen(Purpose::training));
    s.make_gradients();
  }
  if (bytes > s.arena_memory.bytes()) {
    s.arena_memory = {};  // freed before the larger one is taken
    s.arena_memory = s.backend.allocate(bytes);
    s.tokens = s.rows = -1;  // the last forward's tensors are gone
  }
  const Limit& limit = s.limits[static_cast<size_t>(purpose)];
  s.backend.reserve(limit.tokens, std::max({s.config.attention(0, {}).packed_width(), s.config.hidden,
                                            s.config.inner_products()}));
  s.encoder.prepare_positions(std::max(s.limits[0].tokens, s.limits[1].tokens));
  return s.arena_memory.bytes();
}

int64_t Model::planned_bytes() const { return state_->arena_memory.bytes(); }
void Model::make_gradients() { state_->make_gradients(); }

void Model::release_plan() {
  State& s = *state_;
  s.arena_memory = {};
  s.limits = {};
  s.tokens = s.rows = -1;
}

Model::Output Model::forward(const Batch& batch, Purpose purpose, std::optional<uint64_t> dropout_key) {
  State& s = *state_;
  if (s.pads()) s.padded_batch = padded(batch);
  const Batch& computed = s.computed(batch);
  s.check_fits(computed, purpose);
  Arena arena(s.arena_memory);
  s.tokens = batch.token_count();
  s.rows = batch.row_count();
  s.last =
      lay_out(arena, s.config, s.heads, s.precision, purpose, computed.token_count(), computed.row_count());
  s.purpose = purpose;
  s.dropout_key = dropout_key;
  if (s.rows > 0) {
    const Packing packing = packing_of(computed);
    s.backend.as_one([&] {
      s.encoder.forward(s.last.encoder, s.encoder_weights, computed, packing, dropout_key);
      s.head_layer.forward(s.last.heads, s.head_weights, s.last.encoder.hidden(), packing, dropout_key);
    });
  }
  Output output{s.last.encoder.hidden().slice_rows(0, s.tokens), {}};
  for (const Tensor& logits : s.last.heads.logits) output.logits.push_back(logits.slice_rows(0, s.rows));
  return output;
}

Tensor Model::hidden_state(int index) const {
  const State& s = *state_;
  require(s.purpose == Purpose::training, "hidden states are kept by a training forward only");
  require(index >= 0 && index <= s.config.layers, "hidden state {} of {} layers", index, s.config.layers);
  return s.encoder.hidden_state(s.last.encoder, index).slice_rows(0, s.tokens);
}

Tensor Model::pooled(const Batch& batch, Pooling pooling, bool normalize) {
  State& s = *state_;
  s.check_is_last(batch);
  if (s.rows == 0) return s.last.pooled;
  s.backend.pool_forward(s.last.pooled, s.last.pooled_argmax, s.last.encoder.hidden(),
                         packing_of(s.computed(batch)), pooling, s.config.unpooled_tokens);
  if (normalize) s.backend.normalize_rows(s.last.pooled);
  return s.last.pooled.slice_rows(0, s.rows);
}

std::vector<std::vector<float>> Model::predictions(const Output& output) {
  State& s = *state_;
  require(output.logits.size() == s.heads.size(), "predictions of {} heads, the model has {}",
          output.logits.size(), s.heads.size());
  if (s.rows == 0) return std::vector<std::vector<float>>(s.heads.size());
  std::vector<std::vector<float>> predictions = s.head_layer.predictions(s.last.heads);
  for (size_t head = 0; head < s.heads.size(); ++head) {  // without those of padding
    predictions[head].resize(static_cast<size_t>(s.rows * s.heads[head].outputs()));
  }
  return predictions;
}

const std::vector<Model::Objective>& Model::objectives() const { return state_->objectives; }

std::vector<double> Model::loss_weights(const Batch& batch, const std::vector<HeadLabels>& labels) const {
  std::vector<double> weights = state_->head_layer.label_weights(labels);
  if (state_->config.has_language_head()) weights.push_back(static_cast<double>(batch.target_ids.size()));
  if (state_->contrasts()) weights.push_back(batch.paired ? static_cast<double>(batch.row_count()) / 2 : 0.0);
  return weights;
}

std::vector<float> Model::pair_vectors(const Batch& batch) {
  require(batch.paired, "vectors of pairs, but the batch has single rows");
  if (state_->rows == 0) return {};
  return download(pooled(batch, state_->config.contrastive.pooling, false));
}

Model::Loss Model::evaluate_loss(const Batch& batch, const std::vector<HeadLabels>& labels) {
  State& s = *state_;
  s.check_is_last(batch);
  Loss loss{std::vector<double>(s.heads.size()), loss_weights(batch, labels)};
  if (s.rows > 0) loss.sum = s.head_layer.losses(s.last.heads, s.computed(labels));
  if (s.config.has_language_head()) {
    loss.sum.push_back(
        s.language_head.loss(s.last.language, s.language_weights, s.last.encoder.hidden(), batch));
  }
  if (s.contrasts()) {
    loss.sum.push_back(batch.paired ? s.contrastive.evaluate({pair_vectors(batch), 0, s.rows}, 1.0).loss
                                    : 0.0);
  }
  return loss;
}

Model::Loss Model::backward(const Batch& batch, const std::vector<HeadLabels>& labels,
                            const std::vector<double>& total_weight,
                            const std::function<void(int layer)>& on_layer, const PairVectors* pairs) {
  State& s = *state_;
  require(s.purpose == Purpose::training, "backward without a training forward before it");
  s.check_is_last(batch);
  require(!s.objectives.empty(), "backward of a model with nothing to learn");
  require(total_weight.size() == s.objectives.size(), "{} total weights for {} objectives",
          total_weight.size(), s.objectives.size());
  Loss loss{std::vector<double>(s.objectives.size()), loss_weights(batch, labels)};
  const int head_layer = static_cast<int>(s.config.layers) + 1;
  if (s.rows == 0) {
    for (int layer = head_layer; layer >= 0; --layer) on_layer(layer);
    return loss;
  }
  for (size_t i = 0; i < s.objectives.size(); ++i) {
    require(total_weight[i] > 0 || loss.weight[i] == 0, "'{}' has labels but a total weight of {}",
            s.objectives[i].name, total_weight[i]);
  }
  const Batch& computed = s.computed(batch);
  const Packing packing = packing_of(computed);
  const Tensor& dhidden = s.last.encoder.gradient;
  if (s.heads.empty()) {
    s.backend.fill_zero(dhidden);
  } else {
    s.backend.as_one([&] {
      const std::vector<double> sums = s.head_layer.backward(
          s.head_gradients, dhidden, s.last.heads, s.head_weights, packing, s.dropout_key, s.computed(labels),
          std::span(total_weight).first(s.heads.size()));
      std::copy(sums.begin(), sums.end(), loss.sum.begin());
    });
  }
  const size_t language = s.heads.size();
  if (s.config.has_language_head() && loss.weight[language] > 0) {
    loss.sum[language] = s.language_head.backward(
        s.language_gradients, dhidden, s.last.language, s.language_weights, s.last.encoder.hidden(), batch,
        static_cast<float>(s.config.language_weight / total_weight[language]));
  }
  if (s.contrasts() && loss.weight.back() > 0) {
    // pooled anew: what was pooled since may have been another way
    const PairVectors own{pair_vectors(batch), 0, s.rows};
    loss.sum.back() = s.contrastive_backward(packing, pairs != nullptr ? *pairs : own, total_weight.back());
  }
  on_layer(head_layer);
  s.backend.as_one([&] {
    s.encoder.backward(s.encoder_gradients, s.last.encoder, s.encoder_weights, computed, packing,
                       s.dropout_key, on_layer);
  });
  return loss;
}

}  // namespace limner
