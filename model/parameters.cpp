#include "model/parameters.h"

#include <algorithm>
#include <set>

namespace limner {
namespace {

constexpr int64_t alignment_elements = 16;  // 64 bytes of f32, 32 of bf16: a vector register's width

}  // namespace

int64_t ParamSpec::elements() const {
  int64_t product = 1;
  for (const int64_t dim : dims) product *= dim;
  return product;
}

ParameterTable::ParameterTable(const ModelConfig& config, const std::vector<HeadSpec>& heads,
                               HeadInput head_input)
    : layer_count_(static_cast<int>(config.layers) + 2) {
  const int64_t hidden = config.hidden;
  int layer = 0;
  const auto add = [&](std::string name, std::vector<int64_t> dims, Decay decay, Init init) {
    ParamSpec spec{std::move(name), std::move(dims), elements_, layer, decay, init};
    elements_ += (spec.elements() + alignment_elements - 1) / alignment_elements * alignment_elements;
    specs_.push_back(std::move(spec));
  };
  const auto add_table = [&](const std::string& name, int64_t rows) {
    add(name + ".weight", {rows, hidden}, Decay::weight_decay, Init::normal);
  };
  const auto add_linear = [&](const std::string& name, int64_t out, int64_t in,
                              Decay decay = Decay::weight_decay) {
    add(name + ".weight", {out, in}, decay, Init::normal);
    add(name + ".bias", {out}, Decay::none, Init::zeros);
  };
  const auto add_norm = [&](const std::string& name) {
    add(name + ".weight", {hidden}, Decay::none, Init::ones);
    add(name + ".bias", {hidden}, Decay::none, Init::zeros);
  };

  add_table("embeddings.word_embeddings", config.vocabulary);
  add_table("embeddings.position_embeddings", config.max_positions);
  add_table("embeddings.token_type_embeddings", config.segments);
  add_norm("embeddings.LayerNorm");
  for (int64_t index = 0; index < config.layers; ++index) {
    ++layer;
    const std::string block = fmt::format("encoder.layer.{}.", index);
    add_linear(block + "attention.self.qkv", 3 * hidden, hidden);
    add_linear(block + "attention.output.dense", hidden, hidden);
    add_norm(block + "attention.output.LayerNorm");
    add_linear(block + "intermediate.dense", config.inner, hidden);
    add_linear(block + "output.dense", hidden, config.inner);
    add_norm(block + "output.LayerNorm");
  }
  ++layer;
  if (config.has_pooler) {
    const bool read = head_input == HeadInput::pooler && !heads.empty();
    add_linear("pooler.dense", hidden, hidden, read ? Decay::weight_decay : Decay::none);
  }
  if (config.has_language_head()) {  // the decoder's matrix is the word embeddings
    add_linear("cls.predictions.transform.dense", hidden, hidden);
    add_norm("cls.predictions.transform.LayerNorm");
    add("cls.predictions.bias", {config.vocabulary}, Decay::none, Init::zeros);
  }
  std::set<std::string> names;
  for (const HeadSpec& head : heads) {
    if (!names.insert(head.name).second) fail(ExitCode::bad_config, "two heads are named '{}'", head.name);
    if (head.outputs() == 0) fail(ExitCode::bad_config, "head '{}' has no classes", head.name);
    add_linear("heads." + head.name, head.outputs(), hidden);
  }
}

const ParamSpec& ParameterTable::find(const std::string& name) const {
  const auto found =
      std::find_if(specs_.begin(), specs_.end(), [&](const auto& s) { return s.name == name; });
  require(found != specs_.end(), "no parameter is named '{}'", name);
  return *found;
}

int64_t ParameterTable::parameter_count() const {
  int64_t count = 0;
  for (const ParamSpec& spec : specs_) count += spec.elements();
  return count;
}

LayerRange ParameterTable::layer_range(int layer) const {
  require(layer >= 0 && layer < layer_count_, "layer {} of {}", layer, layer_count_);
  const auto start = [&](int wanted) {
    const auto first =
        std::find_if(specs_.begin(), specs_.end(), [&](const auto& s) { return s.layer >= wanted; });
    return first == specs_.end() ? elements_ : first->offset;
  };
  return {start(layer), start(layer + 1) - start(layer)};
}

Tensor parameter_view(const Tensor& flat, const ParamSpec& spec) {
  require(spec.offset + spec.elements() <= flat.elements(), "parameter '{}' lies outside {}", spec.name,
          flat.description());
  auto* const memory = static_cast<std::byte*>(flat.data) + spec.offset * dtype_bytes(flat.dtype);
  if (spec.dims.size() == 1) return Tensor(memory, flat.dtype, {spec.dims[0]}, flat.device);
  return Tensor(memory, flat.dtype, {spec.dims[0], spec.dims[1]}, flat.device);
}

}  // namespace limner
