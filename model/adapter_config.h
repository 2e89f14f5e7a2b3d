// adapter_config.json of a folder with a LoRA adapter, as PEFT has it
// (https://huggingface.co/docs/peft/developer_guides/checkpoint), and the folder of the model it is for.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace limner {

inline constexpr const char* adapter_config_name = "adapter_config.json";

struct AdapterConfig {
  std::filesystem::path base;  // base_model_name_or_path: a folder here
  std::string task_type;       // SEQ_CLS: keys begin as those of the model with its classifier
  int64_t rank = 0;
  double alpha = 0.0;
  double scale = 0.0;  // of the updates: alpha / rank, with use_rslora alpha / sqrt(rank)
  double dropout = 0.0;
  std::vector<std::string> targets;
  std::vector<std::string> saved_modules;  // modules_to_save: they stand whole in the adapter
  bool transposed = false;                 // fan_in_fan_out: the base's weights are [in, out]

  static bool present(const std::filesystem::path& folder);
  // Refused by key and value: other kinds than LORA, and what would change the outputs in a way that we do
  // not compute (use_dora, bias, rank_pattern, …). missing_input: the base is not a folder here.
  static AdapterConfig read(const std::filesystem::path& folder);
  void write(const std::filesystem::path& folder) const;
};

// Where a checkpoint folder's config.json and its sentence-transformers files are, and where its tokenizer
// is: an adapter need not have its own, then they are its base's.
std::filesystem::path config_folder(const std::filesystem::path& folder);
std::filesystem::path tokenizer_folder(const std::filesystem::path& folder);
bool has_tokenizer(const std::filesystem::path& folder);

}  // namespace limner
