// TokenizerParts → the files of a Hugging Face folder.
#include <fmt/format.h>

#include "text/tokenizer_files.h"

namespace limner {
namespace {

Json normalizer_json(const NormalizerOptions& options) {
  Json json = {{"type", "BertNormalizer"},
               {"clean_text", options.clean_text},
               {"handle_chinese_chars", options.handle_chinese_chars},
               {"strip_accents", nullptr},
               {"lowercase", options.lowercase}};
  if (options.strip_accents) json["strip_accents"] = *options.strip_accents;
  return json;
}

Json flags_json(const AddedToken& token) {
  return {{"content", token.content}, {"single_word", token.single_word}, {"lstrip", token.lstrip},
          {"rstrip", token.rstrip},   {"normalized", token.normalized},   {"special", token.special}};
}

Json vocabulary_json(const TokenizerParts& parts) {
  Json json = Json::object();
  // Straight into the list that an ordered object is: inserting by key would search it each time.
  std::vector<std::pair<const std::string, Json>>& entries = json.get_ref<Json::object_t&>();
  for (const auto& [entry, id] : parts.vocabulary) entries.emplace_back(entry, id);
  return json;
}

std::string content_of(const TokenizerParts& parts, int32_t id) {
  for (const AddedToken& token : parts.added_tokens) {
    if (token.id == id) return token.content;
  }
  for (const auto& [entry, entry_id] : parts.vocabulary) {
    if (entry_id == id) return entry;
  }
  return {};
}

// As read; of a new tokenizer, the template of BERT.
Json post_processor_json(const TokenizerParts& parts) {
  if (!parts.post_processor.is_null() || parts.ids_before.empty() || parts.ids_behind.empty()) {
    return parts.post_processor;
  }
  const auto special = [&](int32_t id, int type) {
    return Json{{"SpecialToken", {{"id", content_of(parts, id)}, {"type_id", type}}}};
  };
  const auto text = [](const char* name, int type) {
    return Json{{"Sequence", {{"id", name}, {"type_id", type}}}};
  };
  const int32_t cls = parts.ids_before.front(), sep = parts.ids_behind.front();
  Json tokens = Json::object();
  for (const int32_t id : {cls, sep}) {
    const std::string content = content_of(parts, id);
    tokens[content] = {{"id", content}, {"ids", Json::array({id})}, {"tokens", Json::array({content})}};
  }
  return {
      {"type", "TemplateProcessing"},
      {"single", Json::array({special(cls, 0), text("A", 0), special(sep, 0)})},
      {"pair", Json::array({special(cls, 0), text("A", 0), special(sep, 0), text("B", 1), special(sep, 1)})},
      {"special_tokens", tokens}};
}

Json tokenizer_json(const TokenizerParts& parts) {
  Json added = Json::array();
  for (const AddedToken& token : parts.added_tokens) {
    Json json = {{"id", token.id}};
    json.update(flags_json(token));
    added.push_back(std::move(json));
  }
  Json decoder = parts.decoder;
  if (decoder.is_null())
    decoder = {{"type", "WordPiece"}, {"prefix", parts.continuing_prefix}, {"cleanup", true}};
  return {{"version", "1.0"},
          {"truncation", parts.truncation},
          {"padding", parts.padding},
          {"added_tokens", added},
          {"normalizer", normalizer_json(parts.normalizer)},
          {"pre_tokenizer", {{"type", "BertPreTokenizer"}}},
          {"post_processor", post_processor_json(parts)},
          {"decoder", decoder},
          {"model",
           {{"type", "WordPiece"},
            {"unk_token", parts.unknown_token},
            {"continuing_subword_prefix", parts.continuing_prefix},
            {"max_input_chars_per_word", parts.max_word_characters},
            {"vocab", vocabulary_json(parts)}}}};
}

// transformers builds a BertTokenizer from the vocabulary and the configuration alone, which can say less
// than tokenizer.json; where that would change ids the general class is named.
bool is_plain_bert(const TokenizerParts& parts) {
  return parts.normalizer.clean_text && parts.continuing_prefix == "##" && parts.max_word_characters == 100 &&
         parts.ids_before.size() == 1 && parts.ids_behind.size() == 1;
}

Json config_json(const TokenizerParts& parts, int64_t model_max_length) {
  Json config = parts.config;
  if (!config.contains("tokenizer_class")) {
    config["tokenizer_class"] = is_plain_bert(parts) ? "BertTokenizer" : "PreTrainedTokenizerFast";
  }
  const NormalizerOptions& normalizer = parts.normalizer;
  config["do_lower_case"] = normalizer.lowercase;
  config["strip_accents"] = normalizer.strip_accents ? Json(*normalizer.strip_accents) : Json(nullptr);
  config["tokenize_chinese_chars"] = normalizer.handle_chinese_chars;
  config["model_max_length"] = model_max_length;
  for (const auto& [name, content] : parts.special_tokens) {
    if (!config.contains(name)) config[name] = content;
  }
  Json decoder = Json::object();
  for (const AddedToken& token : parts.added_tokens) decoder[std::to_string(token.id)] = flags_json(token);
  config["added_tokens_decoder"] = decoder;
  return config;
}

// vocab.txt as one text, or nothing where a line number would not be the id or an entry does not fit on a
// line.
std::string vocabulary_lines(const TokenizerParts& parts) {
  std::string lines;
  int32_t line = 0;
  for (const auto& [entry, id] : parts.vocabulary) {
    if (id != line++ || entry.find_first_of("\r\n") != std::string::npos) return {};
    lines += entry + "\n";
  }
  return lines;
}

}  // namespace

void write_tokenizer_files(const std::filesystem::path& folder, const TokenizerParts& parts,
                           int64_t model_max_length) {
  write_json(folder / "tokenizer.json", tokenizer_json(parts));
  write_json(folder / "tokenizer_config.json", config_json(parts, model_max_length));
  write_json(folder / "special_tokens_map.json", Json(parts.special_tokens));
  const std::string lines = vocabulary_lines(parts);
  if (!lines.empty()) write_file(folder / "vocab.txt", lines);
}

std::string describe_tokenizer(const TokenizerParts& parts) {
  NormalizerOptions normalizer = parts.normalizer;
  normalizer.strip_accents = normalizer.strips_accents();
  const Json json = {{"normalizer", normalizer_json(normalizer)},
                     {"unknown_token", parts.unknown_token},
                     {"continuing_prefix", parts.continuing_prefix},
                     {"max_word_characters", parts.max_word_characters},
                     {"ids_before", parts.ids_before},
                     {"ids_behind", parts.ids_behind}};
  std::string text = json.dump();
  for (const AddedToken& token : parts.added_tokens)
    text += fmt::format("\n{} {}", token.id, flags_json(token).dump());
  for (const auto& [entry, id] : parts.vocabulary) text += fmt::format("\n{} {}", id, Json(entry).dump());
  return text;
}

}  // namespace limner
