#include "model/contrastive.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "runtime/error.h"

namespace limner {
namespace {

// The first `width` numbers of every second row, from `first`, scaled to the length `length`; a vector of
// zeros stays one.
struct UnitRows {
  std::vector<float> values;    // [pairs, width]
  std::vector<double> lengths;  // before

  UnitRows(const PairVectors& vectors, int64_t hidden, int64_t width, int64_t first, double length) {
    const auto rows = static_cast<int64_t>(vectors.values.size()) / hidden;
    values.reserve(static_cast<size_t>(rows / 2 * width));
    for (int64_t row = first; row < rows; row += 2) {
      const std::span<const float> from =
          std::span(vectors.values).subspan(static_cast<size_t>(row * hidden), static_cast<size_t>(width));
      const double squares = std::transform_reduce(from.begin(), from.end(), 0.0, std::plus<>(),
                                                   [](double value) { return value * value; });
      lengths.push_back(std::sqrt(squares));
      const double factor = squares > 0.0 ? length / lengths.back() : 0.0;
      for (const float value : from)
        values.push_back(static_cast<float>(factor * static_cast<double>(value)));
    }
  }
};

// From the gradient of a row of `length` to that of the vector it was made of: what points along it is lost.
void add_unscaled(std::span<float> gradient, std::span<const float> dunit, std::span<const float> unit,
                  double before, double length) {
  if (before == 0.0) return;
  double along = 0.0;
  for (size_t i = 0; i < unit.size(); ++i)
    along += static_cast<double>(dunit[i]) * static_cast<double>(unit[i]);
  for (size_t i = 0; i < unit.size(); ++i) {
    const double across =
        static_cast<double>(dunit[i]) - along / (length * length) * static_cast<double>(unit[i]);
    gradient[i] += static_cast<float>(length / before * across);
  }
}

}  // namespace

Contrastive::Contrastive(Backend& backend, const ModelConfig& config)
    : backend_(backend), config_(config.contrastive), hidden_(config.hidden) {
  if (config_.widths.empty()) config_.widths.push_back(hidden_);
  for (const int64_t width : config_.widths) {
    if (width < 1 || width > hidden_) {
      fail(ExitCode::bad_config, "train.contrastive.widths: {}, but the model's vectors have {} numbers",
           width, hidden_);
    }
  }
}

Contrastive::Result Contrastive::evaluate(const PairVectors& vectors, double scale) {
  const auto rows = static_cast<int64_t>(vectors.values.size()) / hidden_;
  require(rows % 2 == 0 && vectors.first_row % 2 == 0 && vectors.own_rows % 2 == 0 &&
              vectors.first_row + vectors.own_rows <= rows,
          "pairs of {} rows, of which {} from row {}", rows, vectors.own_rows, vectors.first_row);
  Result result;
  result.gradient.assign(static_cast<size_t>(vectors.own_rows * hidden_), 0.0f);
  if (rows == 0) return result;
  for (const int64_t width : config_.widths) add_width(result, vectors, width, scale);
  return result;
}

void Contrastive::add_width(Result& result, const PairVectors& vectors, int64_t width, double scale) {
  const double share = 1.0 / static_cast<double>(config_.widths.size()), sharp = 1.0 / config_.temperature;
  const UnitRows anchors(vectors, hidden_, width, 0, sharp), others(vectors, hidden_, width, 1, 1.0);
  const auto pairs = static_cast<int64_t>(anchors.lengths.size());

  const auto lay_out = [&](Arena& arena) {
    std::array<Tensor, 7> tensors;
    for (size_t i = 0; i < 4; ++i) tensors[i] = arena.take(DType::f32, {pairs, width});
    tensors[4] = arena.take(DType::f32, {pairs, pairs});
    tensors[5] = arena.take(DType::f32, {pairs, pairs});
    tensors[6] = arena.take(DType::f32, {pairs});
    return tensors;
  };
  Arena counting;
  lay_out(counting);
  if (counting.high_water_bytes() > memory_.bytes()) {
    memory_ = {};
    memory_ = backend_.allocate(counting.high_water_bytes());
  }
  Arena arena(memory_);
  const auto [anchor, other, danchor, dother, cosines, dcosines, losses] = lay_out(arena);
  backend_.upload(anchor, anchors.values.data());
  backend_.upload(other, others.values.data());
  std::vector<int32_t> labels(static_cast<size_t>(pairs));
  std::iota(labels.begin(), labels.end(), 0);
  backend_.linear_forward(cosines, {}, anchor, other, {}, Activation::none);
  backend_.cross_entropy(losses, dcosines, cosines, labels, {}, {}, static_cast<float>(share * scale));
  backend_.linear_backward_input(danchor, Write::overwrite, dcosines, other);
  backend_.fill_zero(dother);
  backend_.linear_backward_weight(dother, {}, dcosines, anchor);

  const auto host = [&](const Tensor& tensor) {
    std::vector<float> values(static_cast<size_t>(tensor.elements()));
    backend_.download(values.data(), tensor);
    return values;
  };
  const std::vector<float> loss = host(losses), danchors = host(danchor), dothers = host(dother);
  for (int64_t row = 0; row < vectors.own_rows; ++row) {
    const int64_t pair = (vectors.first_row + row) / 2;
    const bool first = row % 2 == 0;
    const auto part = [&](const std::vector<float>& all) {
      return std::span(all).subspan(static_cast<size_t>(pair * width), static_cast<size_t>(width));
    };
    const std::span<float> gradient =
        std::span(result.gradient).subspan(static_cast<size_t>(row * hidden_), static_cast<size_t>(width));
    const UnitRows& units = first ? anchors : others;
    add_unscaled(gradient, part(first ? danchors : dothers), part(units.values),
                 units.lengths[static_cast<size_t>(pair)], first ? sharp : 1.0);
    if (first) result.loss += share * static_cast<double>(loss[static_cast<size_t>(pair)]);
  }
}

}  // namespace limner
