#include "model/config.h"

#include <array>
#include <limits>
#include <utility>

#include "model/config_reader.h"
#include "model/weight_files.h"

namespace limner {
namespace {

constexpr std::array<std::pair<const char*, Activation>, 7> activation_names{{
    {"gelu", Activation::gelu},  // the first name of an activation is the one that is written
    {"gelu_python", Activation::gelu},
    {"gelu_new", Activation::gelu_tanh},
    {"gelu_pytorch_tanh", Activation::gelu_tanh},
    {"gelu_fast", Activation::gelu_tanh},
    {"relu", Activation::relu},
    {"tanh", Activation::tanh},
}};

Activation parse_activation(const ConfigReader& reader, const std::string& key) {
  const std::string name = reader.text(key, "gelu");
  for (const auto& [known, activation] : activation_names) {
    if (name == known) return activation;
  }
  reader.refuse(key, "Limner has gelu, gelu_new (also gelu_pytorch_tanh, gelu_fast), relu and tanh");
}

std::string activation_name(Activation activation) {
  for (const auto& [name, known] : activation_names) {
    if (activation == known) return name;
  }
  fail(ExitCode::internal, "activation {} has no name", static_cast<int>(activation));
}

// The shortest decimal number that reads back to this float: 1e-12, not 9.999999960041972e-13.
double shortest(float value) { return std::stod(fmt::format("{}", value)); }

// Leaves a number alone that already says the same.
void set_number(Json& json, const char* key, float value) {
  if (json.contains(key) && json[key].is_number() && json[key].get<float>() == value) return;
  json[key] = shortest(value);
}

void refuse_unsupported(const ConfigReader& reader) {
  if (reader.text("model_type") != "bert") {
    reader.refuse("model_type", "this version reads the BERT family (model_type bert)");
  }
  if (reader.text("position_embedding_type", "absolute") != "absolute") {
    reader.refuse("position_embedding_type", "only absolute positions are supported");
  }
  for (const char* key : {"is_decoder", "add_cross_attention"}) {
    if (reader.flag(key, false)) reader.refuse(key, "only encoders are supported");
  }
  for (const char* key : {"pruned_heads", "quantization_config", "auto_map"}) {
    const Json value = reader.value(key);
    if (!value.empty()) reader.refuse(key, "pruned, quantised and custom-code models are not supported");
  }
}

bool weights_have_pooler(const std::filesystem::path& folder) {
  if (!WeightFiles::present(folder)) return false;
  const WeightFiles files(folder);
  return files.has("pooler.dense.weight") || files.has("bert.pooler.dense.weight");
}

}  // namespace

const char* head_input_name(HeadInput input) {
  switch (input) {
    case HeadInput::pooler:
      return "pooler";
    case HeadInput::mean:
      return "mean";
    case HeadInput::cls:
      return "cls";
    case HeadInput::max:
      return "max";
  }
  fail(ExitCode::internal, "unknown head input {}", static_cast<int>(input));
}

HeadInput parse_head_input(const std::string& name) {
  for (const HeadInput input : {HeadInput::pooler, HeadInput::mean, HeadInput::cls, HeadInput::max}) {
    if (name == head_input_name(input)) return input;
  }
  fail(ExitCode::bad_data, "head input '{}' is none of pooler, mean, cls, max", name);
}

ModelConfig ModelConfig::read(const std::filesystem::path& folder) {
  const ConfigReader reader(folder / "config.json");
  refuse_unsupported(reader);
  ModelConfig config;
  config.layers = reader.count("num_hidden_layers");
  config.hidden = reader.count("hidden_size");
  config.heads = reader.count("num_attention_heads");
  config.inner = reader.count("intermediate_size");
  config.vocabulary = reader.count("vocab_size");
  config.max_positions = reader.count("max_position_embeddings");
  config.segments = reader.count("type_vocab_size", 2);
  if (config.hidden % config.heads != 0) {
    reader.refuse("num_attention_heads", fmt::format("it does not divide hidden_size {}", config.hidden));
  }
  config.activation = parse_activation(reader, "hidden_act");
  config.norm_epsilon = static_cast<float>(reader.number("layer_norm_eps", 1e-12, Range{1e-30, 1.0}));
  config.initializer_range = static_cast<float>(reader.number("initializer_range", 0.02, Range{0.0, 10.0}));
  const Range probability{0.0, 0.999};
  const double dropout = reader.number("hidden_dropout_prob", 0.1, probability);
  config.hidden_dropout = static_cast<float>(dropout);
  config.attention_dropout =
      static_cast<float>(reader.number("attention_probs_dropout_prob", 0.1, probability));
  config.head_dropout = static_cast<float>(reader.number("classifier_dropout", dropout, probability));
  config.pad_id = static_cast<int32_t>(reader.number("pad_token_id", 0, Range{0, 2e9}));
  config.has_pooler = weights_have_pooler(folder);
  config.source = reader.json();
  return config;
}

ModelConfig ModelConfig::from_settings(const ArchitectureSettings& settings, int64_t vocabulary) {
  if (settings.family != "bert") {
    fail(ExitCode::bad_config, "model.architecture.family: '{}'; this version has bert", settings.family);
  }
  if (settings.hidden % settings.heads != 0) {
    fail(ExitCode::bad_config, "model.architecture.heads: {} does not divide hidden {}; choose a divisor",
         settings.heads, settings.hidden);
  }
  require(vocabulary > 0, "a model with a vocabulary of {}", vocabulary);
  ModelConfig config;
  config.layers = settings.layers;
  config.hidden = settings.hidden;
  config.heads = settings.heads;
  config.inner = settings.inner;
  config.vocabulary = vocabulary;
  config.max_positions = settings.max_positions;
  config.activation = settings.activation == "gelu_new" ? Activation::gelu_tanh : Activation::gelu;
  const auto dropout = static_cast<float>(settings.dropout);
  config.hidden_dropout = config.attention_dropout = config.head_dropout = dropout;
  return config;
}

Json ModelConfig::to_json() const {
  Json json = source.is_object() ? source : Json::object();
  // Not ours to pass on: where the weights lay before, and the older name of dtype.
  for (const char* key : {"_name_or_path", "torch_dtype"}) json.erase(key);
  json["model_type"] = family;
  json["dtype"] = "float32";
  json["vocab_size"] = vocabulary;
  json["hidden_size"] = hidden;
  json["num_hidden_layers"] = layers;
  json["num_attention_heads"] = heads;
  json["intermediate_size"] = inner;
  json["max_position_embeddings"] = max_positions;
  json["type_vocab_size"] = segments;
  json["pad_token_id"] = pad_id;
  json["position_embedding_type"] = "absolute";
  if (!json.contains("hidden_act")) json["hidden_act"] = activation_name(activation);
  set_number(json, "layer_norm_eps", norm_epsilon);
  set_number(json, "initializer_range", initializer_range);
  set_number(json, "hidden_dropout_prob", hidden_dropout);
  set_number(json, "attention_probs_dropout_prob", attention_dropout);
  const bool said = json.contains("classifier_dropout") && !json["classifier_dropout"].is_null();
  if (said || head_dropout != hidden_dropout) {
    set_number(json, "classifier_dropout", head_dropout);
  } else {
    json["classifier_dropout"] = nullptr;
  }
  return json;
}

}  // namespace limner
