// tokenizer.json → TokenizerParts.
#include <algorithm>
#include <set>

#include "runtime/error.h"
#include "text/json_reader.h"
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
  if (normalizer.text("type") != "BertNormalizer")
    normalizer.refuse("type", "only BertNormalizer is supported");
  normalizer.allow_only({"type", "clean_text", "handle_chinese_chars", "strip_accents", "lowercase"});
  options.clean_text = normalizer.flag("clean_text");
  options.handle_chinese_chars = normalizer.flag("handle_chinese_chars");
  options.lowercase = normalizer.flag("lowercase");
  if (normalizer.has("strip_accents")) options.strip_accents = normalizer.flag("strip_accents");
  return options;
}

void read_model(const JsonObject& model, TokenizerParts& parts) {
  // Files of old versions do not name the type; only WordPiece has max_input_chars_per_word.
  if (model.has("type") ? model.text("type") != "WordPiece" : !model.has("max_input_chars_per_word")) {
    model.refuse("type", "only WordPiece is supported");
  }
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

void read_added_tokens(const JsonObject& file, const Value& vocabulary, TokenizerParts& parts) {
  if (!file.has("added_tokens")) return;
  if (!file.at("added_tokens").is_array()) file.refuse("added_tokens", "must be a list");
  auto next_id = static_cast<int64_t>(vocabulary.size());
  std::set<std::string> contents;
  for (const Value& value : file.at("added_tokens")) {
    const JsonObject object(value, file.file(), "added_tokens[" + std::to_string(contents.size()) + "]");
    object.allow_only({"id", "content", "single_word", "lstrip", "rstrip", "normalized", "special"});
    AddedToken token;
    token.content = object.text("content");
    token.id = static_cast<int32_t>(object.count("id"));
    token.single_word = object.flag("single_word");
    token.lstrip = object.flag("lstrip");
    token.rstrip = object.flag("rstrip");
    token.normalized = object.flag("normalized");
    token.special = object.flag("special");
    if (token.content.empty()) object.refuse("content", "is empty");
    if (!contents.insert(token.content).second) object.refuse("content", "stands twice");
    // `tokenizers` counts ids on from the vocabulary itself and takes no notice of a number that does not
    // fit.
    const auto entry = vocabulary.find(token.content);
    const int64_t expected = entry != vocabulary.end() ? entry->get<int64_t>() : next_id++;
    if (token.id != expected) object.refuse("id", "does not follow from the vocabulary");
    parts.added_tokens.push_back(std::move(token));
  }
  std::sort(parts.added_tokens.begin(), parts.added_tokens.end(),
            [](const AddedToken& a, const AddedToken& b) { return a.id < b.id; });
}

void read_template(const JsonObject& processor, TokenizerParts& parts) {
  processor.allow_only({"type", "single", "pair", "special_tokens"});
  const JsonObject special_tokens = processor.object("special_tokens");
  const Value& single = processor.at("single");
  if (!single.is_array()) processor.refuse("single", "must be a list");
  bool seen_text = false;
  for (const Value& item : single) {
    const JsonObject step(item, processor.file(), "post_processor.single[]");
    step.allow_only({"SpecialToken", "Sequence"});
    const bool is_text = step.has("Sequence");
    const JsonObject part = step.object(is_text ? "Sequence" : "SpecialToken");
    if (part.count("type_id") != 0) part.refuse("type_id", "only 0 is supported for single texts");
    if (is_text) {
      if (seen_text || part.text("id") != "A") processor.refuse("single", "must hold the text A once");
      seen_text = true;
      continue;
    }
    const JsonObject token = special_tokens.object(part.text("id"));
    if (!token.at("ids").is_array()) token.refuse("ids", "must be a list");
    for (const Value& id : token.at("ids")) {
      if (!id.is_number_unsigned()) token.refuse("ids", "must be a list of ids");
      (seen_text ? parts.ids_behind : parts.ids_before).push_back(id.get<int32_t>());
    }
  }
  if (!seen_text) processor.refuse("single", "must hold the text A once");
}

int32_t bert_processing_id(const JsonObject& processor, const std::string& key) {
  const Value& pair = processor.at(key);
  if (!pair.is_array() || pair.size() != 2 || !pair[0].is_string() || !pair[1].is_number_unsigned()) {
    processor.refuse(key, "must be a token and its id");
  }
  return pair[1].get<int32_t>();
}

void read_post_processor(const JsonObject& file, TokenizerParts& parts) {
  if (!file.has("post_processor")) return;
  const JsonObject processor = file.object("post_processor");
  const std::string type = processor.text("type");
  if (type == "TemplateProcessing") {
    read_template(processor, parts);
  } else if (type == "BertProcessing") {
    processor.allow_only({"type", "sep", "cls"});
    parts.ids_before = {bert_processing_id(processor, "cls")};
    parts.ids_behind = {bert_processing_id(processor, "sep")};
  } else {
    processor.refuse("type", "only TemplateProcessing and BertProcessing are supported");
  }
  parts.post_processor = file.at("post_processor");
}

}  // namespace

TokenizerParts read_tokenizer_json(const std::filesystem::path& path) {
  const Value value = read_sorted_json(path);
  const JsonObject file(value, path.string(), "tokenizer");
  file.allow_only({"version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer",
                   "post_processor", "decoder", "model"});
  if (file.has("version") && file.text("version") != "1.0") file.refuse("version", "only 1.0 is supported");
  TokenizerParts parts;
  read_model(file.object("model"), parts);
  parts.normalizer = read_normalizer(file);
  if (!file.has("pre_tokenizer")) {
    fail(ExitCode::bad_data, "{}: no pre_tokenizer; only BertPreTokenizer is supported", path.string());
  }
  const JsonObject pre_tokenizer = file.object("pre_tokenizer");
  if (pre_tokenizer.text("type") != "BertPreTokenizer") {
    pre_tokenizer.refuse("type", "only BertPreTokenizer is supported");
  }
  pre_tokenizer.allow_only({"type"});
  read_added_tokens(file, value["model"]["vocab"], parts);
  read_post_processor(file, parts);
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
