#include "model/config.h"

#include <algorithm>
#include <array>
#include <utility>

#include "model/adapter_config.h"
#include "model/family.h"
#include "model/family_config.h"

namespace limner {
namespace {

constexpr std::array<std::pair<const char*, HeadInput>, 5> head_inputs{{{"pooler", HeadInput::pooler},
                                                                        {"mean", HeadInput::mean},
                                                                        {"cls", HeadInput::cls},
                                                                        {"max", HeadInput::max},
                                                                        {"last", HeadInput::last}}};

}  // namespace

const char* head_input_name(HeadInput input) {
  for (const auto& [name, known] : head_inputs) {
    if (input == known) return name;
  }
  fail(ExitCode::internal, "unknown head input {}", static_cast<int>(input));
}

HeadInput parse_head_input(const std::string& name) {
  for (const auto& [known, input] : head_inputs) {
    if (name == known) return input;
  }
  fail(ExitCode::bad_data, "head input '{}' is none of pooler, mean, cls, max, last", name);
}

bool Lora::adapts(const std::string& module) const {
  return active() && std::any_of(targets.begin(), targets.end(), [&](const std::string& target) {
           return target == "all-linear" || module == target || module.ends_with("." + target);
         });
}

AttentionShape ModelConfig::attention(int64_t layer, const Dropout& dropout) const {
  return {heads, head_size(), masking, dropout, key_heads, window(layer)};
}

HeadInput ModelConfig::usual_head_input() const {
  if (masking == Masking::causal) return HeadInput::last;
  return has_projection ? HeadInput::pooler : HeadInput::mean;
}

ModelConfig ModelConfig::read(const std::filesystem::path& folder) {
  const ConfigReader reader(config_folder(folder) / "config.json");
  ModelConfig config = read_family(reader);
  find_optional_layers(config, folder);
  config.source = reader.json();
  return config;
}

ModelConfig ModelConfig::from_settings(const ArchitectureSettings& settings, int64_t vocabulary) {
  require(vocabulary > 0, "a model with a vocabulary of {}", vocabulary);
  if (settings.hidden % settings.heads != 0) {
    fail(ExitCode::bad_config, "model.architecture.heads: {} does not divide hidden {}; choose a divisor",
         settings.heads, settings.hidden);
  }
  ModelConfig config = new_family(settings.family);
  config.layers = settings.layers;
  config.hidden = settings.hidden;
  config.heads = settings.heads;
  config.inner = settings.inner;
  config.vocabulary = vocabulary;
  config.max_positions = settings.max_positions;
  if (!config.ropes.empty() && config.head_size() % 2 != 0) {
    fail(ExitCode::bad_config,
         "model.architecture.heads: heads of {} numbers (hidden {} / {}); rotary embeddings want an even "
         "number",
         config.head_size(), settings.hidden, settings.heads);
  }
  if (settings.activation != "auto") config.activation = activation_named(settings.activation);
  set_layer_windows(config);
  const auto dropout = static_cast<float>(settings.dropout);
  config.embedding_dropout = config.hidden_dropout = config.attention_dropout = config.head_dropout = dropout;
  return config;
}

Json ModelConfig::to_json() const { return write_family(*this); }

}  // namespace limner
