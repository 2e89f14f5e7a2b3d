#include "train/optimizer.h"

#include <algorithm>
#include <cmath>

namespace limner {
namespace {

constexpr double norm_epsilon = 1e-6;  // as torch.nn.utils.clip_grad_norm_

// Clark et al., "ELECTRA", 2020: a factor for every layer below the heads.
double rate_of(int layer, const ParameterTable& parameters, double decay) {
  return std::pow(decay, parameters.layer_count() - 1 - layer);
}

}  // namespace

Optimizer::Optimizer(Backend& backend, Model& model, const TrainSettings& settings)
    : backend_(backend),
      model_(model),
      settings_(settings),
      moments_(backend.allocate(bytes(model.parameters()))) {
  const int64_t elements = model.parameters().trained_elements();
  first_ = Tensor(moments_.data(), DType::f32, {elements}, backend.device());
  second_ = Tensor(static_cast<float*>(moments_.data()) + elements, DType::f32, {elements}, backend.device());
  // Neighbours with the same decay and rate are one range; the padding between parameters goes with the one
  // before.
  for (const ParamSpec& parameter : model.parameters().all()) {
    if (!parameter.trained) break;
    const double rate = rate_of(parameter.layer, model.parameters(), settings.layer_lr_decay);
    if (!ranges_.empty()) ranges_.back().end = parameter.offset;
    if (ranges_.empty() || ranges_.back().decay != parameter.decay || ranges_.back().rate != rate) {
      ranges_.push_back({parameter.offset, elements, parameter.decay, rate});
    }
  }
  if (!ranges_.empty()) ranges_.back().end = elements;
}

int64_t Optimizer::bytes(const ParameterTable& parameters) {
  return 2 * parameters.trained_elements() * static_cast<int64_t>(sizeof(float));
}

double Optimizer::gradient_norm() { return std::sqrt(backend_.sum_of_squares(model_.gradients())); }

void Optimizer::update(int64_t step, double learning_rate, double norm) {
  double scale = 1.0;
  if (settings_.max_grad_norm > 0.0) scale = std::min(1.0, settings_.max_grad_norm / (norm + norm_epsilon));
  AdamW update{};
  update.beta1 = static_cast<float>(settings_.adam_beta1);
  update.beta2 = static_cast<float>(settings_.adam_beta2);
  update.epsilon = static_cast<float>(settings_.adam_epsilon);
  update.step = step;
  update.gradient_scale = static_cast<float>(scale);
  const Tensor shadow = model_.shadow();
  for (const Range& range : ranges_) {
    const int64_t count = range.end - range.begin;
    const auto part = [&](const Tensor& whole) { return whole.slice_rows(range.begin, count); };
    update.learning_rate = static_cast<float>(learning_rate * range.rate);
    update.weight_decay =
        range.decay == Decay::weight_decay ? static_cast<float>(settings_.weight_decay) : 0.0f;
    backend_.adamw(part(model_.weights()), shadow.absent() ? shadow : part(shadow), part(first_),
                   part(second_), part(model_.gradients()), update);
  }
}

}  // namespace limner
