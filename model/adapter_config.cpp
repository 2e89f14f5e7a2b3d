#include "model/adapter_config.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "model/config_reader.h"

namespace limner {
namespace {

// Keys that say nothing about the outputs, or only what the tensors say too.
constexpr std::array<const char*, 19> others{"auto_mapping",
                                             "base_model_name_or_path",
                                             "exclude_modules",
                                             "fan_in_fan_out",
                                             "inference_mode",
                                             "layers_pattern",
                                             "layers_to_transform",
                                             "lora_alpha",
                                             "lora_dropout",
                                             "megatron_core",
                                             "modules_to_save",
                                             "peft_type",
                                             "peft_version",
                                             "qalora_group_size",
                                             "r",
                                             "revision",
                                             "target_modules",
                                             "task_type",
                                             "use_rslora"};

bool is_unset(const Json& value) { return value.is_null() || value == false || value.empty(); }

// Of some ways to begin, the base's weights are changed too.
bool leaves_base(const Json& initialization) {
  static const std::array<const char*, 3> names{"gaussian", "eva", "orthogonal"};
  return initialization.is_boolean() || initialization.is_null() ||
         std::any_of(names.begin(), names.end(), [&](const char* name) { return initialization == name; });
}

void refuse_unsupported(const ConfigReader& reader) {
  reader.expect("peft_type", "LORA", "only LoRA adapters are supported");
  reader.expect("bias", "none", "trained biases are not supported");
  for (const auto& item : reader.json().items()) {
    const std::string& key = item.key();
    const Json& value = item.value();
    const auto is_key = [&](const char* other) { return key == other; };
    if (key == "bias" || std::any_of(others.begin(), others.end(), is_key)) continue;
    if (key == "init_lora_weights" ? leaves_base(value) : is_unset(value)) continue;
    reader.refuse(key, "it is not supported; merge the adapter with PEFT's merge_and_unload()");
  }
}

// A list, or one text: a name or a pattern.
std::vector<std::string> read_names(const ConfigReader& reader, const char* key) {
  const Json value = reader.value(key);
  std::vector<std::string> names;
  const Json list = value.is_string() ? Json::array({value}) : value;
  for (const Json& name : list) {
    if (!name.is_string()) reader.refuse(key, "a list of names is wanted");
    names.push_back(name.get<std::string>());
  }
  return names;
}

std::filesystem::path read_base(const ConfigReader& reader) {
  const char* const key = "base_model_name_or_path";
  std::filesystem::path base = reader.text(key);
  std::error_code no_path;  // one too long to be a path, for example
  if (!std::filesystem::exists(base / "config.json", no_path)) {
    fail(ExitCode::missing_input,
         "{}: {} is '{}', where no config.json is; set it to the folder of the model that was adapted",
         reader.path().string(), key, base.string());
  }
  if (AdapterConfig::present(base)) reader.refuse(key, "that is an adapter itself; merge it first");
  return base;
}

}  // namespace

bool AdapterConfig::present(const std::filesystem::path& folder) {
  return std::filesystem::exists(folder / adapter_config_name);
}

AdapterConfig AdapterConfig::read(const std::filesystem::path& folder) {
  const ConfigReader reader(folder / adapter_config_name);
  refuse_unsupported(reader);
  AdapterConfig config;
  config.base = read_base(reader);
  config.task_type = reader.text("task_type", "");
  config.rank = reader.count("r");
  config.alpha = reader.number("lora_alpha", 8.0, Range{1e-9, 1e9});
  const auto rank = static_cast<double>(config.rank);
  config.scale = config.alpha / (reader.flag("use_rslora", false) ? std::sqrt(rank) : rank);
  config.dropout = reader.number("lora_dropout", 0.0, Range{0, 1});
  config.targets = read_names(reader, "target_modules");
  config.saved_modules = read_names(reader, "modules_to_save");
  config.transposed = reader.flag("fan_in_fan_out", false);
  return config;
}

void AdapterConfig::write(const std::filesystem::path& folder) const {
  write_json(folder / adapter_config_name,
             {{"peft_type", "LORA"},
              {"task_type", task_type},
              {"base_model_name_or_path", base.string()},
              {"r", rank},
              {"lora_alpha", alpha},
              {"lora_dropout", dropout},
              {"target_modules", targets},
              {"modules_to_save", saved_modules.empty() ? Json(nullptr) : Json(saved_modules)},
              {"fan_in_fan_out", transposed},
              {"bias", "none"},
              {"inference_mode", true}});
}

std::filesystem::path config_folder(const std::filesystem::path& folder) {
  const bool elsewhere = AdapterConfig::present(folder) && !std::filesystem::exists(folder / "config.json");
  return elsewhere ? AdapterConfig::read(folder).base : folder;
}

bool has_tokenizer(const std::filesystem::path& folder) {
  static const std::array<const char*, 6> files{"tokenizer.json",  "tokenizer_config.json",
                                                "vocab.txt",       "sentencepiece.bpe.model",
                                                "tokenizer.model", "vocab.json"};
  return std::any_of(files.begin(), files.end(),
                     [&](const char* file) { return std::filesystem::exists(folder / file); });
}

std::filesystem::path tokenizer_folder(const std::filesystem::path& folder) {
  const bool elsewhere = AdapterConfig::present(folder) && !has_tokenizer(folder);
  return elsewhere ? AdapterConfig::read(folder).base : folder;
}

}  // namespace limner
