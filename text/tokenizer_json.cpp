// tokenizer.json → TokenizerParts.
#include <algorithm>
#include <unordered_map>

#include "runtime/error.h"
#include "text/json_reader.h"
#include "text/pipeline.h"
#include "text/tokenizer_files.h"

namespace limner {
namespace {

using Value = nlohmann::json;

NormalizerOptions read_normalizer(const JsonObject& file) {
  NormalizerOptions options;
  if (!file.has("normalizer")) {
    options.clean_text = options.handle_chinese_chars = options.lowercase = false;
    return options;
  }
  const JsonObject normalizer = file.object("normalizer");
  normalizer.allow_only({"type", "clean_text", "handle_chinese_chars", "strip_accents", "lowercase"});
  options.clean_text = normalizer.flag("clean_text");
  options.handle_chinese_chars = normalizer.flag("handle_chinese_chars");
  options.lowercase = normalizer.flag("lowercase");
  if (normalizer.has("strip_accents")) options.strip_accents = normalizer.flag("strip_accents");
  return options;
}

void read_model(const JsonObject& model, TokenizerParts& parts) {
  model.allow_only({"type", "unk_token", "continuing_subword_prefix", "max_input_chars_per_word", "vocab"});
  parts.unknown_token = model.text("unk_token");
  parts.continuing_prefix = model.text("continuing_subword_prefix");
  parts.max_word_characters = model.count("max_input_chars_per_word");
  const JsonObject vocabulary = model.object("vocab");
  for (const auto& [entry, id] : model.at("vocab").items()) {
    parts.vocabulary.emplace_back(entry, static_cast<int32_t>(vocabulary.count(entry)));
  }
  std::sort(parts.vocabulary.begin(), parts.vocabulary.end(),
            [](const auto& a, const auto& b) { return a.second < b.second; });
  for (size_t i = 1; i < parts.vocabulary.size(); ++i) {
    if (parts.vocabulary[i].second == parts.vocabulary[i - 1].second) {
      vocabulary.refuse(parts.vocabulary[i].first, "two entries have this id");
    }
  }
  if (!model.at("vocab").contains(parts.unknown_token)) model.refuse("unk_token", "is not in the vocabulary");
}

}  // namespace

bool is_bert(const Value& value) {
  const auto type_of = [&](const char* key) {
    const Value* part = value.is_object() && value.contains(key) ? &value[key] : nullptr;
    if (part == nullptr || part->is_null()) return std::string();
    const auto type = part->is_object() ? part->find("type") : part->end();
    return part->is_object() && type != part->end() && type->is_string() ? type->get<std::string>() : "?";
  };
  const std::string model = type_of("model"), normalizer = type_of("normalizer"),
                    post = type_of("post_processor");
  // Files of old versions do not name the type; only WordPiece has max_input_chars_per_word.
  const bool word_pieces = model == "WordPiece" || (model == "?" && value["model"].is_object() &&
                                                    value["model"].contains("max_input_chars_per_word"));
  return word_pieces && type_of("pre_tokenizer") == "BertPreTokenizer" &&
         (normalizer.empty() || normalizer == "BertNormalizer") &&
         (post.empty() || post == "TemplateProcessing" || post == "BertProcessing");
}

TokenizerParts read_bert_json(const Value& value, const std::string& file_name) {
  const JsonObject file(value, file_name, "tokenizer");
  file.allow_only({"version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer",
                   "post_processor", "decoder", "model"});
  if (file.has("version") && file.text("version") != "1.0") file.refuse("version", "only 1.0 is supported");
  TokenizerParts parts;
  read_model(file.object("model"), parts);
  parts.normalizer = read_normalizer(file);
  file.object("pre_tokenizer").allow_only({"type"});
  std::unordered_map<std::string, int32_t> ids(parts.vocabulary.begin(), parts.vocabulary.end());
  parts.added_tokens = read_added_tokens(file, ids, ids.size());
  PostProcessing post = read_post_processing(file);
  parts.ids_before = std::move(post.ids_before);
  parts.ids_behind = std::move(post.ids_behind);
  if (file.has("post_processor")) parts.post_processor = file.at("post_processor");
  if (file.has("truncation")) {
    const JsonObject truncation = file.object("truncation");
    if (truncation.has("direction") && truncation.text("direction") != "Right") {
      truncation.refuse("direction", "only Right is supported");
    }
    parts.truncation = file.at("truncation");
  }
  if (file.has("padding")) parts.padding = file.at("padding");
  if (file.has("decoder")) parts.decoder = file.at("decoder");
  return parts;
}

}  // namespace limner
