#include "model/sentence_config.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <set>
#include <utility>

#include "model/adapter_config.h"
#include "model/config_reader.h"
#include "model/weight_files.h"

namespace limner {
namespace {

struct PoolingName {
  const char* mode;  // since sentence-transformers 5.4
  const char* flag;  // before
  Pooling pooling;
};
constexpr std::array<PoolingName, 5> pooling_names{{
    {"mean", "pooling_mode_mean_tokens", Pooling::mean},
    {"cls", "pooling_mode_cls_token", Pooling::cls},
    {"max", "pooling_mode_max_tokens", Pooling::max},
    {"lasttoken", "pooling_mode_lasttoken", Pooling::last},
    {"weightedmean", "pooling_mode_weightedmean_tokens", Pooling::weighted_mean},
}};
constexpr const char* flag_prefix = "pooling_mode_";

// Classes of torch.nn; Identity is Dense without one.
constexpr std::array<std::pair<const char*, Activation>, 5> dense_activations{{
    {"torch.nn.modules.activation.Tanh", Activation::tanh},  // a Dense that names none has this one
    {"torch.nn.modules.linear.Identity", Activation::none},
    {"torch.nn.modules.activation.ReLU", Activation::relu},
    {"torch.nn.modules.activation.GELU", Activation::gelu},
    {"torch.nn.modules.activation.SiLU", Activation::silu},
}};
constexpr const char* own_prompt = "limner";  // name of a prompt that has none

// "sentence_transformers.sentence_transformer.modules.pooling.Pooling" -> "Pooling": the path before it moved
// from version to version.
std::string last_component(const std::string& type) { return type.substr(type.rfind('.') + 1); }

bool says_nothing(const Json& value) {
  return value.is_null() || value == false || ((value.is_object() || value.is_array()) && value.empty());
}

// Absent is as good as the value wanted. Objects are equal whatever the order of their keys.
void expect(const ConfigReader& reader, const char* key, const nlohmann::json& wanted) {
  const nlohmann::json found = reader.value(key);
  if (!found.is_null() && found != wanted) {
    reader.refuse(key, fmt::format("only {} is supported", wanted.dump()));
  }
}

Pooling pooling_by_mode(const ConfigReader& reader) {
  Json mode = reader.value("pooling_mode");
  if (mode.is_array() && mode.size() == 1) mode = mode[0];
  for (const PoolingName& name : pooling_names) {
    if (mode == name.mode) return name.pooling;
  }
  reader.refuse("pooling_mode", "one of mean, cls, max, lasttoken, weightedmean is supported");
}

Pooling pooling_by_flags(const ConfigReader& reader) {
  const PoolingName* found = nullptr;
  for (const auto& [key, value] : reader.json().items()) {
    if (!key.starts_with(flag_prefix) || !reader.flag(key, false)) continue;
    const PoolingName* known = nullptr;
    for (const PoolingName& name : pooling_names) {
      if (key == name.flag) known = &name;
    }
    if (known == nullptr) reader.refuse(key, "this pooling is not supported");
    if (found != nullptr)
      reader.refuse(key, fmt::format("{} is true as well; one is supported", found->flag));
    found = known;
  }
  if (found == nullptr) {
    fail(ExitCode::bad_data, "{}: no pooling_mode is chosen; set one, such as \"pooling_mode\": \"mean\"",
         reader.path().string());
  }
  return found->pooling;
}

Pooling read_pooling(const ConfigReader& reader) {
  static const std::set<std::string> known{"word_embedding_dimension", "embedding_dimension",
                                           "include_prompt", "pooling_mode"};
  for (const auto& [key, value] : reader.json().items()) {
    if (!known.contains(key) && !key.starts_with(flag_prefix)) reader.refuse(key, "the key is not known");
  }
  return reader.value("pooling_mode").is_null() ? pooling_by_flags(reader) : pooling_by_mode(reader);
}

// sentence_bert_config.json. Returns the length in tokens, 0 when it is not said.
int64_t read_transformer_module(const ConfigReader& reader) {
  expect(reader, "do_lower_case", false);
  expect(reader, "transformer_task", "feature-extraction");
  expect(reader, "module_output_name", "token_embeddings");
  expect(reader, "modality_config",
         {{"text", {{"method", "forward"}, {"method_output_name", "last_hidden_state"}}}});
  static const std::set<std::string> known{"max_seq_length",     "do_lower_case",   "transformer_task",
                                           "module_output_name", "modality_config", "unpad_inputs"};
  for (const auto& [key, value] : reader.json().items()) {
    if (!known.contains(key) && !says_nothing(value)) reader.refuse(key, "the key is not known");
  }
  return reader.value("max_seq_length").is_null() ? 0 : reader.count("max_seq_length");
}

// Since 5.4 the length stands in the tokenizer's settings, which say 1e30 for 'no limit'.
int64_t tokenizer_length(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / "tokenizer_config.json";
  if (!std::filesystem::exists(path)) return 0;
  const Json length = ConfigReader(path).value("model_max_length");
  const bool limited = length.is_number() && length.get<double>() >= 1 && length.get<double>() < 1e9;
  return limited ? static_cast<int64_t>(length.get<double>()) : 0;
}

void check_normalize_module(const std::filesystem::path& folder) {
  if (!std::filesystem::exists(folder / "config.json")) return;  // before 5.4 the folder is empty
  const ConfigReader reader(folder / "config.json");
  for (const auto& [key, value] : reader.json().items()) expect(reader, key.c_str(), "sentence_embedding");
}

DenseLayer read_dense(const std::filesystem::path& folder) {
  const ConfigReader reader(folder / "config.json");
  expect(reader, "module_input_name", "sentence_embedding");
  expect(reader, "module_output_name", "sentence_embedding");
  expect(reader, "use_residual", false);
  static const std::set<std::string> known{"in_features",         "out_features",      "bias",
                                           "activation_function", "module_input_name", "module_output_name",
                                           "use_residual"};
  for (const auto& [key, value] : reader.json().items()) {
    if (!known.contains(key)) reader.refuse(key, "the key is not known");
  }
  DenseLayer layer;
  layer.in = reader.count("in_features");
  layer.out = reader.count("out_features");
  const std::string name = reader.text("activation_function", dense_activations.front().first);
  const auto activation = std::find_if(dense_activations.begin(), dense_activations.end(),
                                       [&](const auto& named) { return name == named.first; });
  if (activation == dense_activations.end()) {
    reader.refuse("activation_function", "Tanh, Identity, ReLU, GELU and SiLU of torch.nn are supported");
  }
  layer.activation = activation->second;

  const WeightFiles files(folder);
  const auto read = [&](const char* tensor, const std::vector<int64_t>& dims, std::vector<float>& values) {
    if (!files.has(tensor) || files.entry(tensor).dims != dims) {
      fail(ExitCode::bad_data, "{}: tensor '{}' of shape {} is wanted", folder.string(), tensor,
           shape_text(dims));
    }
    values.resize(static_cast<size_t>(files.entry(tensor).elements()));
    files.read(tensor, values);
  };
  read("linear.weight", {layer.out, layer.in}, layer.weight);
  if (reader.flag("bias", true)) read("linear.bias", {layer.out}, layer.bias);
  return layer;
}

void write_dense(const std::filesystem::path& folder, const DenseLayer& layer) {
  const auto activation = std::find_if(dense_activations.begin(), dense_activations.end(),
                                       [&](const auto& named) { return layer.activation == named.second; });
  require(activation != dense_activations.end(), "a dense layer with activation {}",
          static_cast<int>(layer.activation));
  make_folder(folder);
  write_json(folder / "config.json", {{"in_features", layer.in},
                                      {"out_features", layer.out},
                                      {"bias", !layer.bias.empty()},
                                      {"activation_function", activation->first}});
  DenseLayer copy = layer;  // tensors are views that may be written through
  std::vector<NamedTensor> tensors{
      {"linear.weight", Tensor(copy.weight.data(), DType::f32, {layer.out, layer.in})}};
  if (!layer.bias.empty())
    tensors.push_back({"linear.bias", Tensor(copy.bias.data(), DType::f32, {layer.out})});
  write_safetensors(folder / "model.safetensors", tensors);
}

// config_sentence_transformers.json.
void read_prompts(const std::filesystem::path& folder, SentenceConfig& config) {
  const std::filesystem::path path = folder / "config_sentence_transformers.json";
  if (!std::filesystem::exists(path)) return;
  const ConfigReader reader(path);
  const Json prompts = reader.value("prompts");
  if (!prompts.is_null() && !prompts.is_object()) reader.refuse("prompts", "an object of texts is wanted");
  for (const auto& [name, words] : prompts.items()) {
    if (!words.is_string() && !words.is_null()) reader.refuse("prompts", "an object of texts is wanted");
    config.prompts[name] = words.is_null() ? std::string() : words.get<std::string>();
  }
  config.default_prompt = reader.text("default_prompt_name", "");
  if (!config.default_prompt.empty() && !config.prompts.contains(config.default_prompt)) {
    reader.refuse("default_prompt_name", "prompts has no such name");
  }
}

// The folder of a module, which must stay inside the checkpoint.
std::filesystem::path module_folder(const std::filesystem::path& folder, const std::string& path) {
  if (path.find('/') != std::string::npos || path.find('\\') != std::string::npos || path == "..") {
    fail(ExitCode::bad_data, "{}: module path '{}' is not a name in this folder",
         (folder / "modules.json").string(), path);
  }
  return path.empty() ? folder : folder / path;
}

// The kinds and paths of modules.json, in order.
std::vector<std::pair<std::string, std::string>> read_modules(const std::filesystem::path& path) {
  const Json list = read_json(path);
  std::vector<std::pair<std::string, std::string>> modules;
  const auto text = [](const Json& entry, const char* key) {
    return entry.is_object() && entry.contains(key) && entry[key].is_string();
  };
  if (!list.is_array()) fail(ExitCode::bad_data, "{}: a list of modules is wanted", path.string());
  for (const Json& entry : list) {
    if (!text(entry, "type") || !text(entry, "path")) {
      fail(ExitCode::bad_data, "{}: module {} has no type or path", path.string(), modules.size());
    }
    modules.emplace_back(last_component(entry["type"].get<std::string>()), entry["path"].get<std::string>());
  }
  return modules;
}

}  // namespace

SentenceConfig SentenceConfig::read(const std::filesystem::path& checkpoint) {
  const std::filesystem::path folder = config_folder(checkpoint);
  SentenceConfig config;
  const std::filesystem::path path = folder / "modules.json";
  if (!std::filesystem::exists(path)) return config;
  config.present = true;
  const auto modules = read_modules(path);
  if (modules.size() < 2 || modules[0].first != "Transformer" || modules[1].first != "Pooling") {
    std::vector<std::string> kinds;
    for (const auto& [kind, place] : modules) kinds.push_back(kind);
    fail(ExitCode::bad_data, "{}: a Transformer and a Pooling are wanted first, not [{}]", path.string(),
         fmt::join(kinds, ", "));
  }
  if (!modules[0].second.empty()) {
    fail(ExitCode::bad_data,
         "{}: the transformer lies in '{}'; open and save the folder with sentence-transformers, which moves "
         "it",
         path.string(), modules[0].second);
  }
  const ConfigReader pooling(module_folder(folder, modules[1].second) / "config.json");
  config.pooling = read_pooling(pooling);
  config.pools_prompt = pooling.flag("include_prompt", true);
  config.normalize = false;
  for (size_t index = 2; index < modules.size(); ++index) {
    const auto& [kind, module_path] = modules[index];
    const std::filesystem::path place = module_folder(folder, module_path);
    if (kind == "Normalize") {
      check_normalize_module(place);
      config.normalize = true;
    } else if (kind == "Dense") {
      DenseLayer layer = read_dense(place);
      layer.normalizes_first = std::exchange(config.normalize, false);
      if (!config.layers.empty() && config.layers.back().out != layer.in) {
        fail(ExitCode::bad_data, "{}: in_features is {}, the layer before it gives {}",
             (place / "config.json").string(), layer.in, config.layers.back().out);
      }
      config.layers.push_back(std::move(layer));
    } else {
      fail(ExitCode::bad_data,
           "{}: module {} is {}; supported are Dense and Normalize behind a Transformer and a Pooling",
           path.string(), index, kind);
    }
  }
  const std::filesystem::path transformer = folder / "sentence_bert_config.json";
  if (std::filesystem::exists(transformer)) {
    config.max_length = read_transformer_module(ConfigReader(transformer));
  }
  if (config.max_length == 0) config.max_length = tokenizer_length(folder);
  read_prompts(folder, config);
  return config;
}

void SentenceConfig::write(const std::filesystem::path& folder, int64_t hidden) const {
  Json modules = Json::array();
  const auto add_module = [&](const char* module_path, const char* kind) {
    const size_t index = modules.size();
    modules.push_back({{"idx", index},
                       {"name", std::to_string(index)},
                       {"path", module_path},
                       {"type", std::string("sentence_transformers.models.") + kind}});
  };
  add_module("", "Transformer");
  add_module("1_Pooling", "Pooling");
  const auto add_normalize = [&] {
    const std::string name = fmt::format("{}_Normalize", modules.size());
    add_module(name.c_str(), "Normalize");
    // Older versions read nothing here; an empty folder would be lost by whatever copies files only.
    make_folder(folder / name);
    write_json(folder / name / "config.json",
               {{"module_input_name", "sentence_embedding"}, {"module_output_name", "sentence_embedding"}});
  };
  for (const DenseLayer& layer : layers) {
    if (layer.normalizes_first) add_normalize();
    const std::string name = fmt::format("{}_Dense", modules.size());
    add_module(name.c_str(), "Dense");
    write_dense(folder / name, layer);
  }
  if (normalize) add_normalize();
  write_json(folder / "modules.json", modules);

  Json pooling_json{{"word_embedding_dimension", hidden}};
  for (const PoolingName& name : pooling_names) pooling_json[name.flag] = name.pooling == pooling;
  if (!pools_prompt) pooling_json["include_prompt"] = false;
  make_folder(folder / "1_Pooling");
  write_json(folder / "1_Pooling" / "config.json", pooling_json);
  const Json length = max_length > 0 ? Json(max_length) : Json(nullptr);
  write_json(folder / "sentence_bert_config.json", {{"max_seq_length", length}, {"do_lower_case", false}});
  if (prompts.empty()) return;
  write_json(folder / "config_sentence_transformers.json",
             {{"prompts", prompts},
              {"default_prompt_name", default_prompt.empty() ? Json(nullptr) : Json(default_prompt)}});
}

std::string SentenceConfig::prompt_for(const std::string& setting) const {
  const std::string& name = setting == "auto" ? default_prompt : setting;
  const auto named = prompts.find(name);
  const std::string words = named != prompts.end() ? named->second : name;
  const auto is_part_of_word = [](char byte) {
    return std::isalnum(static_cast<unsigned char>(byte)) != 0 || byte == '_' || byte == '-';
  };
  if (named == prompts.end() && !words.empty() && std::all_of(words.begin(), words.end(), is_part_of_word)) {
    std::vector<std::string> names;
    for (const auto& [known, text] : prompts) names.push_back(known);
    fail(ExitCode::bad_config,
         "model.prompt: '{}' is no prompt of the checkpoint, which has [{}]; words of your own want a blank "
         "or a sign",
         words, fmt::join(names, ", "));
  }
  return words;
}

int64_t SentenceConfig::unpooled_tokens(int64_t prompt_tokens, int64_t row_tokens) const {
  if (pools_prompt) return 0;
  if (prompt_tokens >= row_tokens) {
    fail(ExitCode::bad_config,
         "model.prompt: its {} tokens fill a row of {}, and the checkpoint's 1_Pooling has include_prompt "
         "false: no token is left to pool; raise model.max_length or shorten the prompt",
         prompt_tokens, row_tokens);
  }
  return prompt_tokens;
}

void SentenceConfig::set_default_prompt(const std::string& words) {
  const auto named = std::find_if(prompts.begin(), prompts.end(),
                                  [&](const auto& prompt) { return prompt.second == words; });
  default_prompt = words.empty() ? "" : named != prompts.end() ? named->first : own_prompt;
  if (!words.empty()) prompts[default_prompt] = words;
}

}  // namespace limner
