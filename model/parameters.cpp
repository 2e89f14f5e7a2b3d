#include "model/parameters.h"

#include <algorithm>
#include <set>

#include "model/family.h"

namespace limner {

constexpr int64_t alignment_elements = 16;  // 64 bytes of f32, 32 of bf16: a vector register's width

int64_t ParamSpec::elements() const {
  int64_t product = 1;
  for (const int64_t dim : dims) product *= dim;
  return product;
}

// Adds parameters in the order in which they lie.
class TableBuilder {
 public:
  using Parts = std::vector<ParamSpec::Part>;

  TableBuilder(ParameterTable& table, const ModelConfig& config)
      : table_(table), config_(config), names_(family_named(config.family).names) {}

  void next_layer() { ++layer_; }

  void add_table(const std::string& name, int64_t rows) {
    add(name + ".weight", {rows, config_.hidden}, Decay::weight_decay, Init::normal);
  }

  // With parts: the layers of the file that this one is made of, named without ".weight".
  void add_linear(const std::string& name, int64_t out, int64_t in, bool bias, const Parts& parts = {},
                  Decay decay = Decay::weight_decay, Role role = Role::encoder) {
    add(name + ".weight", {out, in}, decay, Init::normal, role);
    last().storage = role == Role::encoder && names_.transposed ? Storage::transposed : Storage::plain;
    last().parts = suffixed(parts, ".weight");
    if (!bias) return;
    add(name + ".bias", {out}, Decay::none, Init::zeros, role);
    last().parts = suffixed(parts, ".bias");
  }

  void add_norm(const std::string& name, bool bias, Role role = Role::encoder) {
    add(name + ".weight", {config_.hidden}, Decay::none, Init::ones, role);
    if (bias) add(name + ".bias", {config_.hidden}, Decay::none, Init::zeros, role);
  }

  void add_embeddings() {
    add_table(names_.word, config_.vocabulary);
    if (config_.ropes.empty()) add_table(names_.position, config_.max_positions + config_.position_offset);
    if (config_.segments > 0) add_table(names_.segment, config_.segments);
    add_encoder_norm(first_norm(config_));
  }

  void add_block(int64_t index) {
    const std::string block = block_prefix(family_named(config_.family), index);
    const AttentionShape shape = config_.attention(index, {});
    const auto parts = [&](const auto& list, const std::vector<int64_t>& rows) {
      Parts named;
      for (size_t part = 0; part < rows.size() && list[part] != nullptr; ++part) {
        named.push_back({block + list[part], rows[part]});
      }
      return named;
    };
    const int64_t keys = shape.key_head_count() * shape.head_size;
    add_linear(block + names_.qkv, shape.packed_width(), config_.hidden, config_.qkv_bias,
               parts(names_.qkv_parts, {shape.width(), keys, keys}));
    if (config_.head_norm) {
      for (const char* norm : {names_.query_norm, names_.key_norm}) {
        add(block + norm + ".weight", {shape.head_size}, Decay::none, Init::ones);
      }
    }
    add_linear(block + names_.attention_output, config_.hidden, shape.width(), config_.attention_output_bias);
    add_encoder_norm(norm_after_attention(config_, index));
    add_linear(block + names_.inner, config_.inner_products(), config_.hidden, config_.inner_bias,
               parts(names_.inner_parts, {config_.inner, config_.inner}));
    add_linear(block + names_.output, config_.hidden, config_.inner, config_.inner_bias);
    add_encoder_norm(norm_after_feed_forward(config_, index));
  }

  void add_top(const std::vector<HeadSpec>& heads, HeadInput head_input) {
    const FamilyHead& head_names = family_named(config_.family).head;
    const bool read = head_input == HeadInput::pooler && !heads.empty();
    const int64_t hidden = config_.hidden;
    if (config_.has_pooler) {
      const bool decays = read && head_names.projection_in_encoder;
      add_linear("pooler.dense", hidden, hidden, true, {}, decays ? Decay::weight_decay : Decay::none,
                 Role::pooler);
    }
    if (read && head_names.projection != nullptr && !head_names.projection_in_encoder) {
      add_linear(head_names.projection, hidden, hidden, config_.projection_bias, {}, Decay::weight_decay,
                 Role::projection);
      if (head_names.projection_norm != nullptr) {
        add_norm(head_names.projection_norm, config_.norm_bias, Role::projection);
      }
    }
    const bool causal = config_.masking == Masking::causal;
    if (config_.has_language_head() && causal && !config_.tied_embeddings) {
      add("lm_head.weight", {config_.vocabulary, hidden}, Decay::weight_decay, Init::normal, Role::language);
    }
    if (config_.has_language_head() && !causal) {  // the decoder's matrix is the word embeddings
      add_linear("cls.predictions.transform.dense", hidden, hidden, true, {}, Decay::weight_decay,
                 Role::language);
      add_norm("cls.predictions.transform.LayerNorm", true, Role::language);
      add("cls.predictions.bias", {config_.vocabulary}, Decay::none, Init::zeros, Role::language);
    }
    const bool bias = head_input != HeadInput::last || head_names.has_bias;
    std::set<std::string> names;
    for (const HeadSpec& head : heads) {
      if (!names.insert(head.name).second) fail(ExitCode::bad_config, "two heads are named '{}'", head.name);
      if (head.outputs() == 0) fail(ExitCode::bad_config, "head '{}' has no classes", head.name);
      add_linear("heads." + head.name, head.outputs(), hidden, bias, {}, Decay::weight_decay, Role::head);
    }
  }

 private:
  ParameterTable& table_;
  const ModelConfig& config_;
  const FamilyNames& names_;
  int layer_ = 0;

  ParamSpec& last() { return table_.specs_.back(); }

  void add(std::string name, std::vector<int64_t> dims, Decay decay, Init init, Role role = Role::encoder) {
    ParamSpec spec{
        std::move(name), std::move(dims), table_.elements_, layer_, decay, init, role, Storage::plain, {}};
    table_.elements_ += (spec.elements() + alignment_elements - 1) / alignment_elements * alignment_elements;
    table_.specs_.push_back(std::move(spec));
  }

  void add_encoder_norm(const std::string& name) { add_norm(name, config_.norm_bias); }

  static Parts suffixed(Parts parts, const char* suffix) {
    for (ParamSpec::Part& part : parts) part.name += suffix;
    return parts;
  }
};

ParameterTable::ParameterTable(const ModelConfig& config, const std::vector<HeadSpec>& heads,
                               HeadInput head_input)
    : layer_count_(static_cast<int>(config.layers) + 2) {
  TableBuilder builder(*this, config);
  builder.add_embeddings();
  for (int64_t index = 0; index < config.layers; ++index) {
    builder.next_layer();
    builder.add_block(index);
  }
  builder.next_layer();
  builder.add_top(heads, head_input);
}

bool ParameterTable::has(const std::string& name) const {
  return std::any_of(specs_.begin(), specs_.end(), [&](const auto& s) { return s.name == name; });
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
