#include "train/optimizer.h"

#include <algorithm>
#include <cmath>

namespace limner {
namespace {

constexpr double norm_epsilon = 1e-6;       // as torch.nn.utils.clip_grad_norm_
constexpr int64_t alignment_elements = 16;  // of parts, as of parameters
constexpr int moment_tag = 2;

// Clark et al., "ELECTRA", 2020: a factor for every layer below the heads.
double rate_of(int layer, const ParameterTable& parameters, double decay) {
  return std::pow(decay, parameters.layer_count() - 1 - layer);
}

int64_t shards_of(const TrainSettings& settings, int ranks) {
  return settings.shard_optimizer_state ? ranks : 1;
}

int64_t even_part(int64_t elements, int64_t shards) {
  return elements / shards / alignment_elements * alignment_elements;
}

int64_t held_elements(int64_t elements, int64_t shards) {
  return elements - (shards - 1) * even_part(elements, shards);
}

}  // namespace

Optimizer::Optimizer(Backend& backend, Model& model, const TrainSettings& settings, const Communicator& ranks,
                     DeviceReducer& reducer)
    : backend_(backend),
      model_(model),
      settings_(settings),
      ranks_(ranks),
      reducer_(reducer),
      shards_(shards_of(settings, ranks.size())),
      moments_(backend.allocate(bytes(model.parameters(), settings, ranks.size()))) {
  const int64_t elements = model.parameters().trained_elements(), held = held_elements(elements, shards_);
  even_ = even_part(elements, shards_);
  const int64_t begin = shards_ > 1 ? ranks.rank() * even_ : 0;
  own_ = {begin, begin + even_, 0};
  left_over_ = {shards_ * even_, elements, even_};
  first_ = Tensor(moments_.data(), DType::f32, {held}, backend.device());
  second_ = Tensor(static_cast<float*>(moments_.data()) + held, DType::f32, {held}, backend.device());
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

int64_t Optimizer::bytes(const ParameterTable& parameters, const TrainSettings& settings, int ranks) {
  return 2 * held_elements(parameters.trained_elements(), shards_of(settings, ranks)) *
         dtype_bytes(DType::f32);
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
  backend_.as_one([&] {
    for (const Range& range : ranges_) {
      update.learning_rate = static_cast<float>(learning_rate * range.rate);
      update.weight_decay =
          range.decay == Decay::weight_decay ? static_cast<float>(settings_.weight_decay) : 0.0f;
      this->update(range, own_, update);
      this->update(range, left_over_, update);
    }
  });
  if (shards_ > 1) share_weights();
}

void Optimizer::update(const Range& range, const Part& part, const AdamW& update) {
  const int64_t begin = std::max(range.begin, part.begin), count = std::min(range.end, part.end) - begin;
  if (count <= 0) return;
  const Tensor shadow = model_.shadow();
  const auto of = [&](const Tensor& whole) { return whole.slice_rows(begin, count); };
  const auto held = [&](const Tensor& moment) {
    return moment.slice_rows(part.held + begin - part.begin, count);
  };
  backend_.adamw(of(model_.weights()), shadow.absent() ? shadow : of(shadow), held(first_), held(second_),
                 of(model_.gradients()), update);
}

void Optimizer::share_weights() {
  reducer_.start_gather(model_.weights().slice_rows(0, shards_ * even_), "gather updated weights");
  reducer_.finish();
  model_.refresh_shadow();
}

Optimizer::Moments Optimizer::download_moments() {
  // Rank 0 may have waited for the checkpoint before.
  if (shards_ > 1) ranks_.barrier("gather the optimizer's state", Patience::unlimited);
  return {download(first_), download(second_)};
}

std::vector<float> Optimizer::download(const Tensor& moment) {
  if (shards_ == 1) return ranks_.root() ? model_.download(moment) : std::vector<float>();
  const std::vector<float> held = model_.download(moment);
  const auto own = std::span(held).first(static_cast<size_t>(even_));
  if (!ranks_.root()) {
    ranks_.send(own, 0, moment_tag, "gather the optimizer's state");
    return {};
  }
  std::vector<float> whole(static_cast<size_t>(left_over_.end));
  std::ranges::copy(own, whole.begin());
  for (int from = 1; from < ranks_.size(); ++from) {
    ranks_.receive(std::span(whole).subspan(static_cast<size_t>(from * even_), own.size()), from, moment_tag,
                   "gather the optimizer's state");
  }
  std::ranges::copy(std::span(held).subspan(own.size()), whole.begin() + left_over_.begin);
  return whole;
}

void Optimizer::upload_moments(const Moments& moments) {
  upload(first_, moments.first);
  upload(second_, moments.second);
}

void Optimizer::upload(const Tensor& moment, const std::vector<float>& values) {
  const auto whole = std::span(values);
  require(static_cast<int64_t>(whole.size()) == left_over_.end, "moments of {} elements, expected {}",
          whole.size(), left_over_.end);
  for (const Part& part : {own_, left_over_}) {
    const auto count = part.end - part.begin;
    model_.upload(moment.slice_rows(part.held, count),
                  whole.subspan(static_cast<size_t>(part.begin), static_cast<size_t>(count)));
  }
}

}  // namespace limner
