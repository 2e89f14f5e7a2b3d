#include "model/heads.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "model/dropout.h"

namespace limner {
namespace {

constexpr const char* single_label = "single_label";
constexpr const char* multi_label = "multi_label";
constexpr const char* regression = "regression";

Pooling pooling_of(HeadInput input, const ModelConfig& config) {
  switch (input) {
    case HeadInput::pooler:
      return config.projection_pooling;
    case HeadInput::last:
      return Pooling::last;
    case HeadInput::cls:
      return Pooling::cls;
    case HeadInput::mean:
      return Pooling::mean;
    case HeadInput::max:
      return Pooling::max;
  }
  fail(ExitCode::internal, "unknown head input {}", static_cast<int>(input));
}

// Rows of one vector each: what dropout draws for a row depends on the row alone.
struct RowPacking {
  std::vector<int32_t> cu_lengths;
  Packing packing;
  explicit RowPacking(const Packing& tokens) : cu_lengths(static_cast<size_t>(tokens.rows()) + 1) {
    std::iota(cu_lengths.begin(), cu_lengths.end(), 0);
    packing = {cu_lengths, tokens.row_keys, 1};
  }
  RowPacking(const RowPacking&) = delete;
  RowPacking& operator=(const RowPacking&) = delete;
};

bool missing_row(const HeadSpec& head, const HeadLabels& labels, size_t row) {
  if (head.kind == single_label) return labels.classes[row] < 0;
  const auto outputs = static_cast<size_t>(head.outputs());
  const auto first = labels.targets.begin() + static_cast<std::ptrdiff_t>(row * outputs);
  const auto last = first + static_cast<std::ptrdiff_t>(outputs);
  const auto absent = std::count_if(first, last, [](float target) { return std::isnan(target); });
  require(absent == 0 || absent == last - first, "head '{}': row {} lacks some targets and has others",
          head.name, row);
  return absent > 0;
}

int64_t label_rows(const HeadSpec& head, const HeadLabels& labels) {
  return head.kind == single_label ? static_cast<int64_t>(labels.classes.size())
                                   : static_cast<int64_t>(labels.targets.size()) / head.outputs();
}

}  // namespace

HeadParameters head_parameters(const ParameterTable& table, const ModelConfig& config,
                               const std::vector<HeadSpec>& heads, HeadInput head_input, const Tensor& flat) {
  const auto view = [&](const std::string& name) {
    return table.has(name) ? parameter_view(flat, table.find(name)) : Tensor();
  };
  const auto linear = [&](const std::string& name) {
    return Linear{parameter_view(flat, table.find(name + ".weight")), view(name + ".bias")};
  };
  HeadParameters p;
  if (head_input == HeadInput::pooler && !heads.empty()) {
    const FamilyHead& names = family_named(config.family).head;
    p.projection = linear(names.projection);
    if (names.projection_norm != nullptr) {
      const std::string norm = names.projection_norm;
      p.projection_norm = {view(norm + ".weight"), view(norm + ".bias")};
    }
  }
  for (const HeadSpec& head : heads) p.classifiers.push_back(linear("heads." + head.name));
  return p;
}

Heads::Heads(Backend& backend, const ModelConfig& config, const std::vector<HeadSpec>& heads,
             HeadInput head_input)
    : backend_(backend),
      heads_(heads),
      head_input_(head_input),
      pooling_(pooling_of(head_input, config)),
      skipped_(head_input == HeadInput::pooler ? 0 : config.unpooled_tokens),
      projection_(family_named(config.family).head),
      activation_(config.projection_activation),
      norm_(config.norm),
      norm_epsilon_(config.norm_epsilon),
      dropout_probability_(config.head_dropout),
      layer_(static_cast<int>(config.layers) + 1) {
  for (const HeadSpec& head : heads_) {
    require(head.kind == single_label || head.kind == multi_label || head.kind == regression,
            "head '{}' has the unknown kind '{}'", head.name, head.kind);
    require(head.target_scale > 0, "head '{}' has the target scale {}", head.name, head.target_scale);
    const std::vector<float>& weights = head.class_weight;
    class_weight_.emplace_back();
    class_weight_view_.emplace_back();
    if (weights.empty()) continue;
    require(static_cast<int64_t>(weights.size()) == head.outputs() && head.kind != regression,
            "head '{}' of {} outputs has {} class weights", head.name, head.outputs(), weights.size());
    class_weight_.back() = backend_.allocate(head.outputs() * dtype_bytes(DType::f32));
    class_weight_view_.back() =
        Tensor(class_weight_.back().data(), DType::f32, {head.outputs()}, class_weight_.back().device());
    backend_.upload(class_weight_view_.back(), weights.data());
  }
}

HeadActivations Heads::lay_out(Arena& arena, const ModelConfig& config, const std::vector<HeadSpec>& heads,
                               Purpose purpose, int64_t rows) {
  HeadActivations a;
  if (heads.empty()) return a;
  const auto vectors = [&](DType dtype = DType::f32) { return arena.take(dtype, {rows, config.hidden}); };
  a.vector = vectors();
  a.argmax = vectors(DType::i32);
  a.projected_pre = vectors();
  a.projected = vectors();
  if (family_named(config.family).head.projection_norm != nullptr) {
    a.normed = vectors();
    a.norm = {a.projected, arena.take(DType::f32, {rows}), arena.take(DType::f32, {rows})};
  }
  a.loss = arena.take(DType::f32, {rows});
  for (const HeadSpec& head : heads) {
    const auto outputs = [&] { return arena.take(DType::f32, {rows, head.outputs()}); };
    a.logits.push_back(outputs());
    a.probabilities.push_back(outputs());
    a.targets.push_back(outputs());
    a.dlogits.push_back(purpose == Purpose::training ? outputs() : Tensor());
  }
  if (purpose == Purpose::training) {
    a.dprojected = vectors();
    a.dvector = vectors();
  }
  return a;
}

Dropout Heads::dropout(std::optional<uint64_t> key, DropoutPlace place) const {
  return dropout_at(key, dropout_probability_, layer_, place);
}

// In place; on a gradient it is dropout's backward.
void Heads::drop(const Tensor& vectors, const Dropout& dropout, const Packing& packing) const {
  if (dropout.active()) backend_.dropout(vectors, vectors, dropout, RowPacking(packing).packing);
}

const Tensor& Heads::classified(const HeadActivations& saved) const {
  if (!projects()) return saved.vector;
  return projection_.projection_norm != nullptr ? saved.normed : saved.projected;
}

void Heads::project(HeadActivations& saved, const HeadParameters& weights, const Packing& packing,
                    std::optional<uint64_t> dropout_key) const {
  if (projection_.drops_before_projection) {
    drop(saved.vector, dropout(dropout_key, DropoutPlace::projection), packing);
  }
  backend_.linear_forward(saved.projected, saved.projected_pre, saved.vector, weights.projection.weight,
                          weights.projection.bias, activation_);
  if (projection_.projection_norm == nullptr) return;
  backend_.norm_forward(saved.normed, saved.norm.sum, saved.norm.mean, saved.norm.rstd, saved.projected, {},
                        weights.projection_norm.gamma, weights.projection_norm.beta, norm_, norm_epsilon_, {},
                        RowPacking(packing).packing);
}

// From saved.dprojected, the gradient of what the classifiers read, to saved.dvector.
void Heads::project_backward(HeadParameters& gradients, HeadActivations& saved, const HeadParameters& weights,
                             const Packing& packing, std::optional<uint64_t> dropout_key) const {
  const Tensor& dprojected = saved.dprojected;
  if (projection_.projection_norm != nullptr) {
    backend_.norm_backward(dprojected, Write::overwrite, {}, gradients.projection_norm.gamma,
                           gradients.projection_norm.beta, dprojected, saved.norm.sum, saved.norm.mean,
                           saved.norm.rstd, weights.projection_norm.gamma, norm_, {},
                           RowPacking(packing).packing);
  }
  backend_.activation_backward(dprojected, dprojected, saved.projected_pre, activation_);
  backend_.linear_backward_weight(gradients.projection.weight, gradients.projection.bias, dprojected,
                                  saved.vector);
  backend_.linear_backward_input(saved.dvector, Write::overwrite, dprojected, weights.projection.weight);
  if (projection_.drops_before_projection) {
    drop(saved.dvector, dropout(dropout_key, DropoutPlace::projection), packing);
  }
}

void Heads::forward(HeadActivations& saved, const HeadParameters& weights, const Tensor& hidden,
                    const Packing& packing, std::optional<uint64_t> dropout_key) const {
  if (heads_.empty()) return;
  backend_.pool_forward(saved.vector, saved.argmax, hidden, packing, pooling_, skipped_);
  if (projects()) project(saved, weights, packing, dropout_key);
  const Tensor input = classified(saved);
  drop(input, dropout(dropout_key, DropoutPlace::head), packing);
  for (size_t head = 0; head < heads_.size(); ++head) {
    const Linear& classifier = weights.classifiers[head];
    backend_.linear_forward(saved.logits[head], {}, input, classifier.weight, classifier.bias,
                            Activation::none);
  }
}

std::vector<double> Heads::backward(HeadParameters& gradients, const Tensor& dhidden, HeadActivations& saved,
                                    const HeadParameters& weights, const Packing& packing,
                                    std::optional<uint64_t> dropout_key,
                                    const std::vector<HeadLabels>& labels,
                                    std::span<const double> total_weight) const {
  const Tensor input = classified(saved);
  const Tensor dinput = projects() ? saved.dprojected : saved.dvector;
  std::vector<double> sums;
  for (size_t head = 0; head < heads_.size(); ++head) {
    const double total = total_weight[head];
    const double scale = total > 0 ? heads_[head].weight / total : 0.0;
    const Tensor& dlogits = saved.dlogits[head];
    sums.push_back(head_loss(head, dlogits, saved, labels[head], static_cast<float>(scale)));
    Linear& gradient = gradients.classifiers[head];
    backend_.linear_backward_weight(gradient.weight, gradient.bias, dlogits, input);
    backend_.linear_backward_input(dinput, head == 0 ? Write::overwrite : Write::add, dlogits,
                                   weights.classifiers[head].weight);
  }
  drop(dinput, dropout(dropout_key, DropoutPlace::head), packing);
  if (projects()) project_backward(gradients, saved, weights, packing, dropout_key);
  backend_.pool_backward(dhidden, Write::overwrite, saved.dvector, saved.argmax, packing, pooling_, skipped_);
  return sums;
}

std::vector<double> Heads::losses(HeadActivations& saved, const std::vector<HeadLabels>& labels) const {
  std::vector<double> sums;
  for (size_t head = 0; head < heads_.size(); ++head) {
    sums.push_back(head_loss(head, {}, saved, labels[head], 1.0f));
  }
  return sums;
}

double Heads::head_loss(size_t head, const Tensor& dlogits, HeadActivations& saved, const HeadLabels& labels,
                        float scale) const {
  const HeadSpec& spec = heads_[head];
  const Tensor& logits = saved.logits[head];
  const Tensor& class_weight = class_weight_view_[head];
  require(label_rows(spec, labels) == logits.dim(0), "head '{}': labels for {} rows, the batch has {}",
          spec.name, label_rows(spec, labels), logits.dim(0));
  if (spec.kind != single_label) upload_targets(head, saved, labels);
  if (spec.kind == single_label) {
    backend_.cross_entropy(saved.loss, dlogits, logits, labels.classes, class_weight, spec.label_use, scale);
  } else if (spec.kind == multi_label) {
    backend_.binary_cross_entropy(saved.loss, dlogits, logits, saved.targets[head], class_weight,
                                  spec.label_use, scale);
  } else {
    const Tensor targets = saved.targets[head].reshaped({logits.dim(0)});
    backend_.squared_error(saved.loss, dlogits, logits, targets, scale);
  }
  std::vector<float> losses(static_cast<size_t>(logits.dim(0)));
  backend_.download(losses.data(), saved.loss);
  return std::accumulate(losses.begin(), losses.end(), 0.0);
}

void Heads::upload_targets(size_t head, HeadActivations& saved, const HeadLabels& labels) const {
  const HeadSpec& spec = heads_[head];
  if (spec.kind == multi_label) {
    backend_.upload(saved.targets[head], labels.targets.data());
    return;
  }
  std::vector<float> standardized(labels.targets.size());
  std::transform(labels.targets.begin(), labels.targets.end(), standardized.begin(), [&](float target) {
    return static_cast<float>((target - spec.target_mean) / spec.target_scale);
  });
  backend_.upload(saved.targets[head], standardized.data());
}

double Heads::label_weight(size_t head, const HeadLabels& labels) const {
  const HeadSpec& spec = heads_[head];
  double sum = 0.0;
  for (size_t row = 0; row < static_cast<size_t>(label_rows(spec, labels)); ++row) {
    if (missing_row(spec, labels, row)) continue;
    const bool weighted = spec.kind == single_label && !spec.class_weight.empty();
    if (weighted) {
      require(labels.classes[row] < spec.outputs(), "head '{}': class {} of {}", spec.name,
              labels.classes[row], spec.outputs());
    }
    sum += weighted ? static_cast<double>(spec.class_weight[static_cast<size_t>(labels.classes[row])]) : 1.0;
  }
  return sum;
}

std::vector<double> Heads::label_weights(const std::vector<HeadLabels>& labels) const {
  require(labels.size() == heads_.size(), "labels of {} heads, the model has {}", labels.size(),
          heads_.size());
  std::vector<double> weights;
  for (size_t head = 0; head < heads_.size(); ++head) weights.push_back(label_weight(head, labels[head]));
  return weights;
}

std::vector<std::vector<float>> Heads::predictions(HeadActivations& saved) const {
  std::vector<std::vector<float>> result;
  for (size_t head = 0; head < heads_.size(); ++head) {
    const HeadSpec& spec = heads_[head];
    const Tensor& logits = saved.logits[head];
    std::vector<float> values(static_cast<size_t>(logits.elements()));
    if (spec.kind == single_label) backend_.softmax(saved.probabilities[head], logits);
    if (spec.kind == multi_label) backend_.sigmoid(saved.probabilities[head], logits);
    backend_.download(values.data(), spec.kind == regression ? logits : saved.probabilities[head]);
    if (spec.kind == regression) {
      for (float& value : values) {
        value = static_cast<float>(spec.target_mean + spec.target_scale * static_cast<double>(value));
      }
    }
    result.push_back(std::move(values));
  }
  return result;
}

}  // namespace limner
