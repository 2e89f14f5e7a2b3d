#include "text/pipeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <set>
#include <unordered_map>

#include "runtime/error.h"
#include "text/byte_pair_encoding.h"
#include "text/unigram.h"
#include "text/word_piece_model.h"

namespace limner {
namespace {

using Value = nlohmann::json;
using Ids = std::unordered_map<std::string, int32_t>;
using Vocabulary = std::vector<std::pair<std::string, int32_t>>;

Vocabulary vocabulary_of(const JsonObject& model) {
  Vocabulary vocabulary;
  const JsonObject object = model.object("vocab");
  for (const auto& [entry, id] : model.at("vocab").items())
    vocabulary.emplace_back(entry, static_cast<int32_t>(object.count(entry)));
  return vocabulary;
}

bool flag_or_false(const JsonObject& object, const std::string& key) {
  return object.has(key) && object.flag(key);
}

// Merges are lists of two, or in older files one text with a blank between the two.
BytePairEncoding::Merges merges_of(const JsonObject& model) {
  const Value& list = model.at("merges");
  if (!list.is_array()) model.refuse("merges", "must be a list");
  BytePairEncoding::Merges merges;
  merges.reserve(list.size());
  for (const Value& value : list) {
    if (value.is_array() && value.size() == 2 && value[0].is_string() && value[1].is_string()) {
      merges.emplace_back(value[0].get<std::string>(), value[1].get<std::string>());
      continue;
    }
    const std::string text = value.is_string() ? value.get<std::string>() : "";
    if (text.starts_with("#version")) continue;
    const size_t blank = text.find(' ');
    if (blank == std::string::npos || text.find(' ', blank + 1) != std::string::npos)
      fail(ExitCode::bad_data, "{}: model.merges has {}, which is no pair", model.file(), value.dump());
    merges.emplace_back(text.substr(0, blank), text.substr(blank + 1));
  }
  return merges;
}

void refuse_unless_empty(const JsonObject& model, const std::string& key) {
  if (model.has(key) && !model.text(key).empty()) model.refuse(key, "is not supported");
}

Vocabulary read_byte_pairs(const JsonObject& model, Pipeline& pipeline) {
  model.allow_only({"type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix",
                    "fuse_unk", "byte_fallback", "ignore_merges", "vocab", "merges"});
  if (model.has("dropout") && model.at("dropout") != 0) model.refuse("dropout", "is not supported");
  refuse_unless_empty(model, "continuing_subword_prefix");
  refuse_unless_empty(model, "end_of_word_suffix");
  BytePairOptions options;
  if (model.has("unk_token")) options.unknown_token = model.text("unk_token");
  options.fuse_unknown = flag_or_false(model, "fuse_unk");
  options.byte_fallback = flag_or_false(model, "byte_fallback");
  options.ignore_merges = flag_or_false(model, "ignore_merges");
  options.byte_level = pipeline.pre_tokenizers.byte_level;
  Vocabulary vocabulary = vocabulary_of(model);
  pipeline.model =
      std::make_unique<BytePairEncoding>(vocabulary, merges_of(model), options, model.file() + ": model");
  if (options.unknown_token)
    pipeline.unknown_id = static_cast<int32_t>(model.object("vocab").count(*options.unknown_token));
  return vocabulary;
}

// A score as `tokenizers` reads it, which decides ties: the digits as a whole number, then one division or
// multiplication by a power of ten. Its result may differ in the last bit from the nearest number, which
// `score` is.
double score_from_digits(double score) {
  if (!std::isfinite(score) || score == 0) return score;
  const std::string shortest = fmt::format("{}", score);
  std::string digits;
  int exponent = 0;
  bool behind_point = false;
  size_t index = 0;
  for (; index < shortest.size() && shortest[index] != 'e'; ++index) {
    if (shortest[index] == '.') behind_point = true;
    if (std::isdigit(static_cast<unsigned char>(shortest[index])) == 0) continue;
    digits += shortest[index];
    if (behind_point) --exponent;
  }
  if (index < shortest.size()) exponent += std::stoi(shortest.substr(index + 1));
  const auto whole = static_cast<double>(std::stoull(digits));
  const double power = std::stod(fmt::format("1e{}", std::abs(exponent)));
  return std::copysign(exponent < 0 ? whole / power : whole * power, score);
}

Vocabulary read_unigram(const JsonObject& model, Pipeline& pipeline) {
  model.allow_only({"type", "unk_id", "vocab", "byte_fallback"});
  const Value& list = model.at("vocab");
  if (!list.is_array()) model.refuse("vocab", "must be a list");
  std::vector<std::pair<std::string, double>> scored;
  Vocabulary vocabulary;
  for (const Value& value : list) {
    if (!value.is_array() || value.size() != 2 || !value[0].is_string() || !value[1].is_number())
      fail(ExitCode::bad_data, "{}: model.vocab has {}, which is no text and score", model.file(),
           value.dump());
    vocabulary.emplace_back(value[0].get<std::string>(), static_cast<int32_t>(vocabulary.size()));
    scored.emplace_back(vocabulary.back().first, score_from_digits(value[1].get<double>()));
  }
  if (model.has("unk_id")) pipeline.unknown_id = static_cast<int32_t>(model.count("unk_id"));
  pipeline.model = std::make_unique<Unigram>(scored, pipeline.unknown_id,
                                             flag_or_false(model, "byte_fallback"), model.file() + ": model");
  return vocabulary;
}

Vocabulary read_word_pieces(const JsonObject& model, Pipeline& pipeline) {
  model.allow_only({"type", "unk_token", "continuing_subword_prefix", "max_input_chars_per_word", "vocab"});
  const std::string unknown = model.text("unk_token");
  if (!model.at("vocab").contains(unknown)) model.refuse("unk_token", "is not in the vocabulary");
  pipeline.unknown_id = static_cast<int32_t>(model.object("vocab").count(unknown));
  Vocabulary vocabulary = vocabulary_of(model);
  pipeline.model = std::make_unique<WordPieceModel>(
      WordPieces(vocabulary, model.text("continuing_subword_prefix"), *pipeline.unknown_id,
                 model.count("max_input_chars_per_word")));
  return vocabulary;
}

// Old files do not name the type.
std::string type_of(const JsonObject& model) {
  if (model.has("type")) return model.text("type");
  return model.has("merges") ? "BPE" : model.has("unk_id") ? "Unigram" : "WordPiece";
}

Vocabulary read_model(const JsonObject& model, Pipeline& pipeline) {
  pipeline.kind = type_of(model);
  if (pipeline.kind == "BPE") return read_byte_pairs(model, pipeline);
  if (pipeline.pre_tokenizers.byte_level) model.refuse("type", "only BPE goes with ByteLevel");
  if (pipeline.kind == "Unigram") return read_unigram(model, pipeline);
  if (pipeline.kind == "WordPiece") return read_word_pieces(model, pipeline);
  model.refuse("type", "is not supported");
}

}  // namespace

std::vector<AddedToken> read_added_tokens(const JsonObject& file, const Ids& ids, size_t entries) {
  std::vector<AddedToken> tokens;
  if (!file.has("added_tokens")) return tokens;
  if (!file.at("added_tokens").is_array()) file.refuse("added_tokens", "must be a list");
  auto next_id = static_cast<int64_t>(entries);
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
    const auto entry = ids.find(token.content);
    const int64_t expected = entry != ids.end() ? entry->second : next_id++;
    if (token.id != expected) object.refuse("id", "does not follow from the vocabulary");
    tokens.push_back(std::move(token));
  }
  std::sort(tokens.begin(), tokens.end(),
            [](const AddedToken& a, const AddedToken& b) { return a.id < b.id; });
  return tokens;
}

Pipeline read_pipeline(const Value& value, std::string document, const std::string& file_name) {
  const JsonObject file(value, file_name, "tokenizer");
  file.allow_only({"version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer",
                   "post_processor", "decoder", "model"});
  if (file.has("version") && file.text("version") != "1.0") file.refuse("version", "only 1.0 is supported");
  if (file.has("truncation")) {
    const JsonObject truncation = file.object("truncation");
    if (truncation.has("direction") && truncation.text("direction") != "Right")
      truncation.refuse("direction", "only Right is supported");
  }
  Pipeline pipeline;
  pipeline.normalizers = read_normalizers(file);
  pipeline.pre_tokenizers = read_pre_tokenizers(file);
  const JsonObject model = file.object("model");
  const Vocabulary vocabulary = read_model(model, pipeline);
  Ids ids;
  for (const auto& [entry, id] : vocabulary) {
    ids[entry] = id;
    put_content(pipeline.contents, vocabulary.size(), id, entry);
  }
  pipeline.added_tokens = read_added_tokens(file, ids, vocabulary.size());
  const size_t entries = vocabulary.size() + pipeline.added_tokens.size();
  for (const AddedToken& token : pipeline.added_tokens)
    put_content(pipeline.contents, entries, token.id, token.content);
  pipeline.post_processing = read_post_processing(file);
  if (pipeline.kind == "Unigram" && !pipeline.post_processing.trims.empty())
    file.refuse("post_processor", "trim_offsets is not supported for Unigram");
  for (const std::vector<int32_t>* special :
       {&pipeline.post_processing.ids_before, &pipeline.post_processing.ids_behind}) {
    for (const int32_t id : *special) {
      if (id < 0 || static_cast<size_t>(id) >= pipeline.contents.size())
        fail(ExitCode::bad_data, "{}: the post_processor adds id {} to a vocabulary of {}", file_name, id,
             pipeline.contents.size());
    }
  }
  pipeline.document = std::move(document);
  return pipeline;
}

}  // namespace limner
