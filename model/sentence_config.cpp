#include <array>
#include <set>
#include <utility>

#include "model/adapter_config.h"
#include "model/config.h"
#include "model/config_reader.h"

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

void refuse_prompts(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / "config_sentence_transformers.json";
  if (!std::filesystem::exists(path)) return;
  const ConfigReader reader(path);
  if (!reader.value("default_prompt_name").is_null()) {
    reader.refuse("default_prompt_name", "prompts before the text are not supported; set it to null");
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
  static const std::array<const char*, 3> order{"Transformer", "Pooling", "Normalize"};
  for (size_t index = 0; index < modules.size(); ++index) {
    if (index >= order.size() || modules[index].first != order[index]) {
      fail(ExitCode::bad_data,
           "{}: module {} is {}; supported are Transformer, Pooling and, last, Normalize, in this order",
           path.string(), index, modules[index].first);
    }
  }
  if (modules.size() < 2)
    fail(ExitCode::bad_data, "{}: a Transformer and a Pooling are wanted", path.string());
  if (!modules[0].second.empty()) {
    fail(ExitCode::bad_data,
         "{}: the transformer lies in '{}'; open and save the folder with sentence-transformers, which moves "
         "it",
         path.string(), modules[0].second);
  }
  config.pooling = read_pooling(ConfigReader(module_folder(folder, modules[1].second) / "config.json"));
  config.normalize = modules.size() == order.size();
  if (config.normalize) check_normalize_module(module_folder(folder, modules[2].second));
  const std::filesystem::path transformer = folder / "sentence_bert_config.json";
  if (std::filesystem::exists(transformer)) {
    config.max_length = read_transformer_module(ConfigReader(transformer));
  }
  if (config.max_length == 0) config.max_length = tokenizer_length(folder);
  refuse_prompts(folder);
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
  if (normalize) add_module("2_Normalize", "Normalize");
  write_json(folder / "modules.json", modules);

  Json pooling_json{{"word_embedding_dimension", hidden}};
  for (const PoolingName& name : pooling_names) pooling_json[name.flag] = name.pooling == pooling;
  make_folder(folder / "1_Pooling");
  write_json(folder / "1_Pooling" / "config.json", pooling_json);
  if (normalize) {
    // Older versions read nothing here; an empty folder would be lost by whatever copies files only.
    make_folder(folder / "2_Normalize");
    write_json(folder / "2_Normalize" / "config.json",
               {{"module_input_name", "sentence_embedding"}, {"module_output_name", "sentence_embedding"}});
  }
  const Json length = max_length > 0 ? Json(max_length) : Json(nullptr);
  write_json(folder / "sentence_bert_config.json", {{"max_seq_length", length}, {"do_lower_case", false}});
}

}  // namespace limner
