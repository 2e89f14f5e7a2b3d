#include "model/parameters.h"

#include <algorithm>
#include <set>

#include "model/distance_buckets.h"
#include "model/family.h"

namespace limner {

constexpr int64_t alignment_elements = 16;  // 64 bytes of f32, 32 of bf16: a vector register's width

int64_t ParamSpec::elements() const {
  int64_t product = 1;
  for (const int64_t dim : dims) product *= dim;
  return product;
}

std::string block_linear_name(const ModelConfig& config, int64_t block, BlockLinear linear) {
  const Family& family = family_named(config.family);
  const std::array<const char*, 4> names{family.names.qkv, family.names.attention_output, family.names.inner,
                                         family.names.output};
  return block_prefix(family, block) + names[static_cast<size_t>(linear)];
}

std::vector<LinearModule> linear_modules(const ModelConfig& config, int64_t block, BlockLinear linear) {
  const Family& family = family_named(config.family);
  const AttentionShape shape = config.attention(block, {});
  const int64_t keys = shape.key_head_count() * shape.head_size;
  std::vector<LinearModule> modules;
  const auto add = [&](const std::string& name, int64_t rows) {
    const int64_t first = modules.empty() ? 0 : modules.back().first + modules.back().rows;
    modules.push_back({name, first, rows});
  };
  const auto add_parts = [&](const auto& names, const std::vector<int64_t>& rows) {
    for (size_t part = 0; part < rows.size() && names[part] != nullptr; ++part) {
      add(block_prefix(family, block) + names[part], rows[part]);
    }
  };
  if (linear == BlockLinear::qkv) add_parts(family.names.qkv_parts, {shape.width(), keys, keys});
  if (linear == BlockLinear::inner) add_parts(family.names.inner_parts, {config.inner, config.inner});
  if (!modules.empty()) return modules;
  const std::array<int64_t, 4> rows{shape.packed_width(), config.hidden, config.inner_products(),
                                    config.hidden};
  add(block_linear_name(config, block, linear), rows[static_cast<size_t>(linear)]);
  return modules;
}

std::vector<LinearModule> updated_modules(const ModelConfig& config, int64_t block, BlockLinear linear) {
  std::vector<LinearModule> modules = linear_modules(config, block, linear);
  const std::string prefix = family_named(config.family).names.prefix;
  std::erase_if(modules,
                [&](const LinearModule& module) { return !config.lora.adapts(prefix + module.name); });
  return modules;
}

int64_t linear_inputs(const ModelConfig& config, BlockLinear linear) {
  if (linear == BlockLinear::attention_output) return config.attention(0, {}).width();
  return linear == BlockLinear::output ? config.inner : config.hidden;
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
    add_norm_vector(name + ".weight", config_.hidden, Init::ones, role);
    if (bias) add_norm_vector(name + ".bias", config_.hidden, Init::zeros, role);
  }

  // A linear layer of a block and its low-rank updates.
  void add_block_linear(int64_t index, BlockLinear linear, bool bias) {
    const std::string name = block_linear_name(config_, index, linear);
    const int64_t in = linear_inputs(config_, linear);
    int64_t out = 0;
    Parts parts;
    for (const LinearModule& module : linear_modules(config_, index, linear)) {
      if (module.name != name) parts.push_back({module.name, module.rows});
      out += module.rows;
    }
    add_linear(name, out, in, bias, parts);
    for (const LinearModule& module : updated_modules(config_, index, linear)) {
      const int64_t rank = config_.lora.rank;
      add(module.name + ".lora_A.weight", {rank, in}, Decay::weight_decay, Init::low_rank, Role::update);
      add(module.name + ".lora_B.weight", {module.rows, rank}, Decay::weight_decay, Init::zeros,
          Role::update);
    }
  }

  void add_embeddings() {
    add_table(names_.word, config_.vocabulary);
    if (config_.ropes.empty()) add_table(names_.position, config_.max_positions + config_.position_offset);
    if (config_.segments > 0) add_table(names_.segment, config_.segments);
    add_encoder_norm(first_norm(config_));
    if (config_.distance_bias) {  // transformers' trainer lets no parameter with such a name decay
      add(names_.distance_bias + std::string(".weight"), {distance_bucket_count, config_.heads}, Decay::none,
          Init::normal);
      last().f32 = true;
    }
  }

  void add_block(int64_t index) {
    const std::string block = block_prefix(family_named(config_.family), index);
    add_block_linear(index, BlockLinear::qkv, config_.qkv_bias);
    if (config_.head_norm) {
      for (const char* norm : {names_.query_norm, names_.key_norm}) {
        add_norm_vector(block + norm + ".weight", config_.head_size(), Init::ones, Role::encoder);
      }
    }
    add_block_linear(index, BlockLinear::attention_output, config_.attention_output_bias);
    add_encoder_norm(norm_after_attention(config_, index));
    add_block_linear(index, BlockLinear::inner, config_.inner_bias);
    add_block_linear(index, BlockLinear::output, config_.inner_bias);
    add_encoder_norm(norm_after_feed_forward(config_, index));
  }

  void add_top(const std::vector<HeadSpec>& heads, HeadInput head_input) {
    const FamilyHead& head_names = family_named(config_.family).head;
    const bool read = reads_pooler_ = head_input == HeadInput::pooler && !heads.empty();
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

  // Gives every parameter its place.
  void place() {
    const auto area = [&](const ParamSpec& spec) {
      if (spec.trained) return 0;
      return spec.f32 || !config_.lora.active() ? 1 : 2;
    };
    std::stable_sort(table_.specs_.begin(), table_.specs_.end(),
                     [&](const ParamSpec& a, const ParamSpec& b) { return area(a) < area(b); });
    for (ParamSpec& spec : table_.specs_) {
      spec.offset = table_.elements_;
      table_.elements_ +=
          (spec.elements() + alignment_elements - 1) / alignment_elements * alignment_elements;
      if (area(spec) == 0) table_.trained_elements_ = table_.elements_;
      if (area(spec) <= 1) table_.f32_elements_ = table_.elements_;
    }
  }

 private:
  ParameterTable& table_;
  const ModelConfig& config_;
  const FamilyNames& names_;
  int layer_ = 0;
  bool reads_pooler_ = false;

  ParamSpec& last() { return table_.specs_.back(); }

  void add(std::string name, std::vector<int64_t> dims, Decay decay, Init init, Role role = Role::encoder) {
    ParamSpec spec;
    spec.name = std::move(name);
    spec.dims = std::move(dims);
    spec.layer = layer_;
    spec.decay = decay;
    spec.init = init;
    spec.role = role;
    const bool below_heads = role == Role::encoder || (role == Role::pooler && !reads_pooler_);
    spec.trained = !(below_heads && config_.lora.active()) && !config_.freeze.holds(layer_);
    table_.specs_.push_back(std::move(spec));
  }

  void add_norm_vector(const std::string& name, int64_t width, Init init, Role role) {
    add(name, {width}, Decay::none, init, role);
    last().f32 = true;
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
  builder.place();
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

int64_t ParameterTable::trained_count() const {
  int64_t count = 0;
  for (const ParamSpec& spec : specs_) count += spec.trained ? spec.elements() : 0;
  return count;
}

LayerRange ParameterTable::layer_range(int layer) const {
  require(layer >= 0 && layer < layer_count_, "layer {} of {}", layer, layer_count_);
  const auto start = [&](int wanted) {
    const auto first = std::find_if(specs_.begin(), specs_.end(),
                                    [&](const auto& s) { return s.layer >= wanted || !s.trained; });
    return first == specs_.end() || !first->trained ? trained_elements_ : first->offset;
  };
  return {start(layer), start(layer + 1) - start(layer)};
}

Tensor parameter_view(const Tensor& flat, const ParamSpec& spec) {
  if (spec.offset >= flat.elements()) return {};
  require(spec.offset + spec.elements() <= flat.elements(), "parameter '{}' lies across the end of {}",
          spec.name, flat.description());
  auto* const memory = static_cast<std::byte*>(flat.data) + spec.offset * dtype_bytes(flat.dtype);
  if (spec.dims.size() == 1) return Tensor(memory, flat.dtype, {spec.dims[0]}, flat.device);
  return Tensor(memory, flat.dtype, {spec.dims[0], spec.dims[1]}, flat.device);
}

}  // namespace limner
