// Folders of tokenizers: which files they have, and what becomes of them when a checkpoint is saved.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <variant>

#include "runtime/files.h"
#include "text/pipeline.h"
#include "text/tokenizer_files.h"

namespace limner {

struct PipelineFiles {
  Pipeline pipeline;
  Json config = Json::object();              // tokenizer_config.json
  Json special_tokens_map = Json::object();  // special_tokens_map.json
  std::optional<int32_t> pad_id;
};

// Errors: no tokenizer file in the folder (missing_input); an unsupported or malformed part, by name and
// value (bad_data).
std::variant<TokenizerParts, PipelineFiles> read_tokenizer_folder(const std::filesystem::path& folder);

// tokenizer.json as it was read, tokenizer_config.json with this model_max_length, special_tokens_map.json.
void write_pipeline_files(const std::filesystem::path& folder, const PipelineFiles& files,
                          const std::string& document, int64_t model_max_length);

// What decides ids, as text: equal tokenizers have equal descriptions.
std::string describe_pipeline(const std::string& document);

}  // namespace limner
