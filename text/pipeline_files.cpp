#include "text/pipeline_files.h"

#include <algorithm>

#include "runtime/error.h"
#include "runtime/json_parser.h"
#include "text/json_reader.h"
#include "text/older_files.h"

namespace limner {
namespace {

// A special token is written as its text, or as an object with its flags.
std::string content_of(const Json& config, const char* name) {
  if (!config.contains(name)) return {};
  const Json& value = config[name];
  if (value.is_string()) return value.get<std::string>();
  if (value.is_object() && value.contains("content") && value["content"].is_string())
    return value["content"].get<std::string>();
  return {};
}

std::optional<int32_t> id_of(const std::vector<std::string>& contents, const std::string& content) {
  const auto found = std::find(contents.begin(), contents.end(), content);
  if (content.empty() || found == contents.end()) return {};
  return static_cast<int32_t>(found - contents.begin());
}

}  // namespace

std::variant<TokenizerParts, PipelineFiles> read_tokenizer_folder(const std::filesystem::path& folder) {
  const std::filesystem::path whole = folder / "tokenizer.json",
                              config_path = folder / "tokenizer_config.json";
  PipelineFiles files;
  files.config = read_optional_object(config_path);
  files.special_tokens_map = read_optional_object(folder / "special_tokens_map.json");
  if (files.config.contains("truncation_side") && files.config["truncation_side"] != "right") {
    fail(ExitCode::bad_data, "{}: truncation_side = {} is not supported", config_path.string(),
         files.config["truncation_side"].dump());
  }
  std::string document, source = whole.string();
  if (std::filesystem::exists(whole)) {
    document = read_file(whole);
  } else if (const std::optional<OlderFiles> older = read_older_files(folder, files.config)) {
    document = older->document.dump();
    source = older->source;
  } else if (std::filesystem::exists(folder / "vocab.txt")) {
    return read_bert_folder(folder, nullptr);
  } else {
    fail(ExitCode::missing_input,
         "{}: no tokenizer.json, no vocab.txt, no vocab.json with merges.txt and no SentencePiece model",
         folder.string());
  }
  const nlohmann::json value = parse_json<nlohmann::json>(document, source);
  if (is_bert(value)) return read_bert_folder(folder, value);
  files.pipeline = read_pipeline(value, std::move(document), source);
  std::string pad = content_of(files.config, "pad_token");
  if (pad.empty()) pad = content_of(files.special_tokens_map, "pad_token");
  files.pad_id = id_of(files.pipeline.contents, pad);
  return files;
}

void write_pipeline_files(const std::filesystem::path& folder, const PipelineFiles& files,
                          const std::string& document, int64_t model_max_length) {
  write_file(folder / "tokenizer.json", document);
  Json config = files.config;
  if (!config.contains("tokenizer_class")) config["tokenizer_class"] = "PreTrainedTokenizerFast";
  config["model_max_length"] = model_max_length;
  write_json(folder / "tokenizer_config.json", config);
  if (!files.special_tokens_map.empty())
    write_json(folder / "special_tokens_map.json", files.special_tokens_map);
}

std::string describe_pipeline(const std::string& document) {
  nlohmann::json value = nlohmann::json::parse(document);
  for (const char* key : {"truncation", "padding", "decoder", "version"}) value.erase(key);
  return value.dump();
}

}  // namespace limner
