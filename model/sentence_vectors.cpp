#include "model/sentence_vectors.h"

#include <algorithm>

#include "runtime/error.h"

namespace limner {

SentenceVectors::SentenceVectors(Backend& backend, const SentenceConfig& config, int64_t hidden,
                                 std::optional<int64_t> dimensions, int64_t max_rows)
    : backend_(backend),
      pooling_(config.pooling),
      normalize_(config.normalize),
      width_(config.width(hidden)),
      dimensions_(dimensions.value_or(width_)) {
  require(dimensions_ >= 1 && dimensions_ <= width_, "{} dimensions of vectors of {}", dimensions_, width_);
  const auto allocate = [&](int64_t elements) {
    return backend_.allocate(elements * dtype_bytes(DType::f32));
  };
  int64_t widest = hidden;
  for (const DenseLayer& dense : config.layers) {
    Layer& layer = layers_.emplace_back();
    layer.activation = dense.activation;
    layer.normalizes_first = dense.normalizes_first;
    layer.weight_memory = allocate(dense.out * dense.in);
    layer.weight =
        Tensor(layer.weight_memory.data(), DType::f32, {dense.out, dense.in}, layer.weight_memory.device());
    backend_.upload(layer.weight, dense.weight.data());
    if (!dense.bias.empty()) {
      layer.bias_memory = allocate(dense.out);
      layer.bias = Tensor(layer.bias_memory.data(), DType::f32, {dense.out}, layer.bias_memory.device());
      backend_.upload(layer.bias, dense.bias.data());
    }
    layer.output_memory = allocate(max_rows * dense.out);
    widest = std::max(widest, dense.out);
  }
  if (!layers_.empty()) backend_.reserve(max_rows, widest);
}

std::vector<float> SentenceVectors::compute(Model& model, const Batch& batch) {
  const bool cut = dimensions_ < width_;
  Tensor vectors = model.pooled(batch, pooling_, normalize_ && layers_.empty() && !cut);
  const int64_t rows = batch.row_count();
  if (rows == 0) return {};
  for (const Layer& layer : layers_) {
    if (layer.normalizes_first) backend_.normalize_rows(vectors);
    const Tensor output(layer.output_memory.data(), DType::f32, {rows, layer.weight.dim(0)},
                        layer.output_memory.device());
    backend_.linear_forward(output, {}, vectors, layer.weight, layer.bias, layer.activation);
    vectors = output;
  }
  if (!cut) {
    if (normalize_ && !layers_.empty()) backend_.normalize_rows(vectors);
    return model.download(vectors);
  }
  std::vector<float> values = model.download(vectors);
  for (int64_t row = 1; row < rows; ++row) {  // the first lies where it should
    std::copy_n(values.begin() + row * width_, dimensions_, values.begin() + row * dimensions_);
  }
  values.resize(static_cast<size_t>(rows * dimensions_));
  if (!normalize_) return values;
  const Tensor kept(vectors.data, DType::f32, {rows, dimensions_}, vectors.device);
  model.upload(kept, values);
  backend_.normalize_rows(kept);
  return model.download(kept);
}

}  // namespace limner
