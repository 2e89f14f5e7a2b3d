#include "model/family_config.h"

#include <algorithm>
#include <array>
#include <utility>

#include "model/distance_buckets.h"
#include "model/family.h"
#include "model/weight_files.h"

namespace limner {
namespace {

constexpr int64_t most_layers = 10000;

constexpr std::array<std::pair<const char*, Activation>, 9> activation_names{{
    {"gelu", Activation::gelu},  // the first name of an activation is the one that is written
    {"gelu_python", Activation::gelu},
    {"gelu_new", Activation::gelu_tanh},
    {"gelu_pytorch_tanh", Activation::gelu_tanh},
    {"gelu_fast", Activation::gelu_tanh},
    {"relu", Activation::relu},
    {"tanh", Activation::tanh},
    {"silu", Activation::silu},
    {"swish", Activation::silu},
}};

const char* activation_name(Activation activation) {
  for (const auto& [name, known] : activation_names) {
    if (activation == known) return name;
  }
  fail(ExitCode::internal, "activation {} has no name", static_cast<int>(activation));
}

Activation parse_activation(const ConfigReader& reader, const std::string& key, Activation otherwise) {
  const std::string name = reader.text(key, activation_name(otherwise));
  for (const auto& [known, activation] : activation_names) {
    if (name == known) return activation;
  }
  reader.refuse(key, "Limner has gelu, gelu_new (also gelu_pytorch_tanh, gelu_fast), relu, tanh and silu");
}

// The shortest decimal number that reads back to this float: 1e-12, not 9.999999960041972e-13.
double shortest(float value) { return std::stod(fmt::format("{}", value)); }

// Leaves a number alone that already says the same.
void set_number(Json& json, const char* key, float value) {
  if (key == nullptr) return;
  if (json.contains(key) && json[key].is_number() && json[key].get<float>() == value) return;
  json[key] = shortest(value);
}

void refuse_unsupported(const ConfigReader& reader) {
  if (!is_family(reader.text("model_type"))) {
    reader.refuse("model_type", "this version reads " + family_list());
  }
  reader.expect("position_embedding_type", "absolute", "only absolute positions are supported");
  for (const char* key : {"is_decoder", "add_cross_attention"}) {
    if (reader.flag(key, false)) reader.refuse(key, "attention to another text is not supported");
  }
  for (const char* key : {"pruned_heads", "quantization_config", "auto_map"}) {
    const Json value = reader.value(key);
    if (!value.empty()) reader.refuse(key, "pruned, quantised and custom-code models are not supported");
  }
  reader.expect("scale_attn_weights", true, "only attention scaled by the head size is supported");
  reader.expect("scale_attn_by_inverse_layer_idx", false,
                "only attention scaled by the head size is supported");
}

void read_roberta(ModelConfig& config, const ConfigReader& reader) {
  config.position_offset = config.pad_id + 1;
  config.max_positions -= config.position_offset;
  if (config.max_positions < 1) {
    reader.refuse("max_position_embeddings",
                  fmt::format("positions begin at {} (pad_token_id + 1)", config.position_offset));
  }
}

void read_mpnet(ModelConfig& config, const ConfigReader& reader) {
  // What transformers has as constants, whatever config.json says.
  reader.expect("pad_token_id", 1, "positions begin behind token 1, which pads");
  reader.expect("relative_attention_num_buckets", distance_bucket_count,
                "32 buckets of distances are supported");
  read_roberta(config, reader);
}

// One rotary embedding, in either spelling: rope_parameters, or rope_theta and rope_scaling.
Rope read_single_rope(const ModelConfig& config, const ConfigReader& reader) {
  const double theta = reader.number("rope_theta", 10000.0, Range{1.0, 1e12});
  const char* const key = reader.value("rope_scaling").is_object() ? "rope_scaling" : "rope_parameters";
  return read_rope(reader, key, reader.value(key), theta, config.max_positions);
}

// Which layers look through a window, by layer_types; null: not said.
std::vector<int64_t> read_layer_types(const ModelConfig& config, const ConfigReader& reader, int64_t window) {
  const Json types = reader.value("layer_types");
  if (!types.is_array() || static_cast<int64_t>(types.size()) != config.layers) {
    reader.refuse("layer_types", fmt::format("a list of {} is wanted, one a layer", config.layers));
  }
  std::vector<int64_t> windows;
  for (const Json& type : types) {
    const bool local = type == "sliding_attention";
    if ((!local && type != "full_attention") || (local && window == 0)) {
      reader.refuse("layer_types", "full_attention and, with a window, sliding_attention are supported");
    }
    windows.push_back(local ? window : 0);
  }
  return windows;
}

void read_llama(ModelConfig& config, const ConfigReader& reader) {
  const bool qwen = config.family == "qwen2" || config.family == "qwen3";
  config.key_heads = reader.count("num_key_value_heads", config.heads);
  if (config.heads % config.key_heads != 0) {
    reader.refuse("num_key_value_heads", fmt::format("it does not divide the {} heads", config.heads));
  }
  const bool own_size = config.family == "qwen3" || !reader.value("head_dim").is_null();
  if (own_size) config.head_width = reader.count("head_dim", 128);
  const bool bias = reader.flag("attention_bias", false);
  config.qkv_bias = bias || config.family == "qwen2";
  config.attention_output_bias = bias && config.family != "qwen2";
  config.inner_bias = reader.flag("mlp_bias", false);
  config.ropes = {read_single_rope(config, reader)};
  if (config.head_size() % 2 != 0) reader.refuse("head_dim", "rotary embeddings want an even number");
  if (config.family == "mistral" &&
      !(reader.json().contains("sliding_window") && reader.value("sliding_window").is_null())) {
    config.windows.assign(static_cast<size_t>(config.layers), reader.count("sliding_window", 4096));
  }
  if (!qwen) return;
  const int64_t window = reader.flag("use_sliding_window", false) ? reader.count("sliding_window", 4096) : 0;
  if (!reader.value("layer_types").is_null()) {
    config.windows = read_layer_types(config, reader, window);
  } else if (window > 0) {
    const auto first = static_cast<int64_t>(reader.number("max_window_layers", 28, Range{0, 1e6}));
    for (int64_t layer = 0; layer < config.layers; ++layer) {
      config.windows.push_back(layer >= first ? window : 0);
    }
  }
}

void read_modernbert(ModelConfig& config, const ConfigReader& reader) {
  reader.expect("mlp_dropout", 0.0, "dropout inside the feed-forward layer is not supported");
  reader.expect("rope_scaling", nullptr, "set rope_parameters instead");
  config.norm_bias = reader.flag("norm_bias", false);
  config.qkv_bias = config.attention_output_bias = reader.flag("attention_bias", false);
  config.inner_bias = reader.flag("mlp_bias", false);
  config.projection_bias = reader.flag("classifier_bias", false);
  config.projection_activation = parse_activation(reader, "classifier_activation", Activation::gelu);
  const std::string pooling = reader.text("classifier_pooling", "cls");
  if (pooling != "cls" && pooling != "mean") reader.refuse("classifier_pooling", "it is cls or mean");
  config.projection_pooling = pooling == "cls" ? Pooling::cls : Pooling::mean;

  // Half the width on each side, and the token itself.
  const int64_t window = reader.count("local_attention", 128) / 2 + 1;
  if (!reader.value("layer_types").is_null()) {
    config.windows = read_layer_types(config, reader, window);
  } else {
    const int64_t every = reader.count("global_attn_every_n_layers", 3);
    for (int64_t layer = 0; layer < config.layers; ++layer) {
      config.windows.push_back(layer % every == 0 ? 0 : window);
    }
  }
  const Json parameters = reader.value("rope_parameters");
  const auto rope = [&](const char* type, const char* theta_key, double usual) {
    const Json own = parameters.is_object() && parameters.contains(type) ? parameters[type] : Json(nullptr);
    return read_rope(reader, std::string("rope_parameters.") + type, own,
                     reader.number(theta_key, usual, Range{1.0, 1e12}), config.max_positions);
  };
  config.ropes = {rope("full_attention", "global_rope_theta", 160000.0),
                  rope("sliding_attention", "local_rope_theta", 10000.0)};
  if (config.head_size() % 2 != 0) {
    reader.refuse("num_attention_heads", "rotary embeddings want heads of an even number");
  }
}

void make_decoder(ModelConfig& config) {
  config.masking = Masking::causal;
  config.norm_placement = NormPlacement::before;
  config.embedding_norm = false;
  config.segments = 0;
  config.head_dropout = 0.0f;
}

}  // namespace

Activation activation_named(const std::string& name) {
  for (const auto& [known, activation] : activation_names) {
    if (name == known) return activation;
  }
  fail(ExitCode::internal, "no activation is named '{}'", name);
}

ModelConfig new_family(const std::string& family) {
  ModelConfig config;
  config.family = family;
  config.projection_activation = family_named(family).head.projection_activation;
  if (family == "roberta" || family == "xlm-roberta" || family == "mpnet") config.pad_id = 1;
  if (family == "distilbert" || family == "mpnet") config.segments = 0;
  config.distance_bias = family == "mpnet";
  if (family == "gpt2") {
    make_decoder(config);
    config.activation = Activation::gelu_tanh;
    config.norm_epsilon = 1e-5f;
  }
  if (family == "llama" || family == "mistral" || family == "qwen2" || family == "qwen3") {
    make_decoder(config);
    config.activation = Activation::silu;
    config.feed_forward = FeedForward::gated;
    config.norm = NormKind::rms;
    config.norm_epsilon = 1e-6f;
    config.head_norm = family == "qwen3";
    config.norm_bias = config.qkv_bias = config.attention_output_bias = config.inner_bias = false;
    config.embedding_dropout = config.hidden_dropout = config.attention_dropout = 0.0f;
    config.ropes = {Rope()};
  }
  if (family == "modernbert") {
    config.norm_placement = NormPlacement::before;
    config.segments = 0;
    config.feed_forward = FeedForward::gated;
    config.norm_epsilon = 1e-5f;
    config.norm_bias = config.qkv_bias = config.attention_output_bias = config.inner_bias = false;
    config.projection_bias = false;
    config.embedding_dropout = config.hidden_dropout = config.attention_dropout = config.head_dropout = 0.0f;
    config.ropes = {Rope{.theta = 160000.0}, Rope()};
  }
  return config;
}

void set_layer_windows(ModelConfig& config) {
  if (config.family != "modernbert") return;
  for (int64_t layer = 0; layer < config.layers; ++layer) config.windows.push_back(layer % 3 == 0 ? 0 : 65);
}

ModelConfig read_family(const ConfigReader& reader) {
  refuse_unsupported(reader);
  ModelConfig config = new_family(reader.text("model_type"));
  const FamilyKeys& keys = family_named(config.family).keys;
  config.layers = reader.count(keys.layers);
  if (config.layers > most_layers) reader.refuse(keys.layers, "no model has so many layers");
  config.hidden = reader.count(keys.hidden);
  config.heads = reader.count(keys.heads);
  config.inner =
      config.family == "gpt2" ? reader.count(keys.inner, 4 * config.hidden) : reader.count(keys.inner);
  config.vocabulary = reader.count("vocab_size");
  config.max_positions = reader.count(keys.positions);
  if (keys.segments != nullptr) config.segments = reader.count(keys.segments, 2);
  config.activation = parse_activation(reader, keys.activation, config.activation);
  if (keys.norm_epsilon != nullptr) {
    config.norm_epsilon =
        static_cast<float>(reader.number(keys.norm_epsilon, config.norm_epsilon, Range{1e-30, 1.0}));
  }
  config.initializer_range = static_cast<float>(reader.number("initializer_range", 0.02, Range{0.0, 10.0}));
  const auto probability = [&](const char* key, float otherwise) {
    return key == nullptr ? otherwise : static_cast<float>(reader.number(key, otherwise, Range{0.0, 0.999}));
  };
  config.embedding_dropout = probability(keys.embedding_dropout, config.embedding_dropout);
  config.hidden_dropout = probability(keys.hidden_dropout, config.hidden_dropout);
  config.attention_dropout = probability(keys.attention_dropout, config.attention_dropout);
  // BERT's classifier_dropout is hidden_dropout_prob where it is not said.
  const bool as_hidden = keys.segments != nullptr;
  const float head = config.family == "distilbert" ? 0.2f
                     : as_hidden                   ? config.hidden_dropout
                                                   : config.head_dropout;
  config.head_dropout = probability(keys.head_dropout, head);
  const bool decoder = config.masking == Masking::causal;
  config.pad_id =
      static_cast<int32_t>(reader.number("pad_token_id", decoder ? -1 : config.pad_id, Range{-1, 2e9}));

  if (config.family == "roberta" || config.family == "xlm-roberta") read_roberta(config, reader);
  if (config.family == "mpnet") read_mpnet(config, reader);
  if (config.family == "modernbert") read_modernbert(config, reader);
  if (config.norm == NormKind::rms) read_llama(config, reader);
  if (decoder) config.tied_embeddings = reader.flag("tie_word_embeddings", config.family == "gpt2");
  if (config.head_width == 0 && config.hidden % config.heads != 0) {
    reader.refuse(keys.heads, fmt::format("it does not divide {} {}", keys.hidden, config.hidden));
  }
  return config;
}

void find_optional_layers(ModelConfig& config, const std::filesystem::path& folder) {
  if (!WeightFiles::present(folder)) return;
  const WeightFiles files(folder);
  const Family& family = family_named(config.family);
  const auto has = [&](const std::string& name) { return files.has(name + ".weight"); };
  const std::string pooler = "pooler.dense";
  if (family.names.pooler) {
    config.has_pooler = has(pooler) || has(family.names.prefix + pooler);
  }
  if (family.head.projection == nullptr) return;
  config.has_projection = family.head.projection_in_encoder ? config.has_pooler : has(family.head.projection);
}

Json write_family(const ModelConfig& config) {
  const FamilyKeys& keys = family_named(config.family).keys;
  Json json = config.source.is_object() ? config.source : Json::object();
  // Not ours to pass on: where the weights lay before, and the older name of dtype.
  for (const char* key : {"_name_or_path", "torch_dtype"}) json.erase(key);
  json["model_type"] = config.family;
  json["dtype"] = "float32";
  json["vocab_size"] = config.vocabulary;
  json[keys.hidden] = config.hidden;
  json[keys.layers] = config.layers;
  json[keys.heads] = config.heads;
  json[keys.inner] = config.inner;
  json[keys.positions] = config.max_positions + config.position_offset;
  if (keys.segments != nullptr) json[keys.segments] = config.segments;
  if (config.pad_id >= 0) json["pad_token_id"] = config.pad_id;
  if (keys.segments != nullptr) json["position_embedding_type"] = "absolute";
  if (!json.contains(keys.activation)) json[keys.activation] = activation_name(config.activation);
  set_number(json, keys.norm_epsilon, config.norm_epsilon);
  set_number(json, "initializer_range", config.initializer_range);
  set_number(json, keys.embedding_dropout, config.embedding_dropout);
  set_number(json, keys.hidden_dropout, config.hidden_dropout);
  set_number(json, keys.attention_dropout, config.attention_dropout);
  const bool as_hidden = keys.segments != nullptr && config.head_dropout == config.hidden_dropout;
  if (as_hidden && (!json.contains(keys.head_dropout) || json[keys.head_dropout].is_null())) {
    json[keys.head_dropout] = nullptr;
  } else {
    set_number(json, keys.head_dropout, config.head_dropout);
  }
  if (config.has_language_head()) json["tie_word_embeddings"] = config.tied_embeddings;
  if (config.source.is_null() && config.norm == NormKind::rms) {
    json["num_key_value_heads"] = config.attention(0, {}).key_head_count();
    json["rope_theta"] = config.ropes.front().theta;
    json["rope_parameters"] = {{"rope_type", "default"}, {"rope_theta", config.ropes.front().theta}};
  }
  return json;
}

}  // namespace limner
