#include "text/tokenizer_files.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <set>
#include <unordered_map>

#include "runtime/error.h"
#include "runtime/log.h"
#include "text/json_reader.h"
#include "text/utf8.h"

namespace limner {
namespace {

// Names in tokenizer_config.json and special_tokens_map.json, and what BERT calls them.
constexpr std::array<std::pair<const char*, const char*>, 5> bert_special_tokens = {
    {{"pad_token", "[PAD]"},
     {"unk_token", "[UNK]"},
     {"cls_token", "[CLS]"},
     {"sep_token", "[SEP]"},
     {"mask_token", "[MASK]"}}};

using TokenIds = std::unordered_map<std::string, int32_t>;

TokenIds ids_of(const TokenizerParts& parts) {
  TokenIds ids(parts.vocabulary.begin(), parts.vocabulary.end());
  for (const AddedToken& token : parts.added_tokens) ids[token.content] = token.id;
  return ids;
}

// A special token is written as its text, or as an object with its flags.
AddedToken token_from_json(const Json& value, const std::string& where, bool special) {
  AddedToken token;
  token.special = special;
  token.normalized = !special;
  if (value.is_string()) {
    token.content = value.get<std::string>();
    return token;
  }
  const nlohmann::json sorted = value;
  const JsonObject object(sorted, where, "token");
  object.allow_only({"__type", "content", "single_word", "lstrip", "rstrip", "normalized", "special"});
  token.content = object.text("content");
  if (object.has("single_word")) token.single_word = object.flag("single_word");
  if (object.has("lstrip")) token.lstrip = object.flag("lstrip");
  if (object.has("rstrip")) token.rstrip = object.flag("rstrip");
  if (object.has("normalized")) token.normalized = object.flag("normalized");
  if (object.has("special")) token.special = object.flag("special");
  return token;
}

int32_t id_from_json(const Json& id, const std::string& of, const std::string& file) {
  if (!is_id(id)) {
    fail(ExitCode::bad_data, "{}: the id of {} must be an integer from 0 to 2147483647", file, of);
  }
  return id.get<int32_t>();
}

// The named special tokens, from the map or the configuration, where they stand in the vocabulary.
std::map<std::string, AddedToken> named_tokens(const std::filesystem::path& folder, const Json& config,
                                               const TokenIds& ids) {
  const Json map = read_optional_object(folder / "special_tokens_map.json");
  std::map<std::string, AddedToken> tokens;
  for (const auto& [name, usual] : bert_special_tokens) {
    const bool configured = config.contains(name) && !config[name].is_null();
    const bool mapped = map.contains(name) && !map[name].is_null();
    const Json value = configured ? config[name] : mapped ? map[name] : Json(usual);
    const std::string file = folder / (configured ? "tokenizer_config.json" : "special_tokens_map.json");
    const AddedToken token = token_from_json(value, file, true);
    if (ids.contains(token.content)) {
      tokens[name] = token;
    } else if (configured || mapped) {
      fail(ExitCode::bad_data, "{}: {} is {}, which is not in the vocabulary", file, name, token.content);
    }
  }
  return tokens;
}

bool config_flag(const Json& config, const std::string& file, const char* key, bool otherwise) {
  if (!config.contains(key) || config[key].is_null()) return otherwise;
  if (!config[key].is_boolean()) fail(ExitCode::bad_data, "{}: {} must be true or false", file, key);
  return config[key].get<bool>();
}

NormalizerOptions configured_normalizer(const Json& config, const std::string& file) {
  NormalizerOptions options;
  options.lowercase = config_flag(config, file, "do_lower_case", true);
  options.handle_chinese_chars = config_flag(config, file, "tokenize_chinese_chars", true);
  if (config.contains("strip_accents") && !config["strip_accents"].is_null()) {
    options.strip_accents = config_flag(config, file, "strip_accents", false);
  }
  return options;
}

// One entry a line; its number is the id. The last of equal lines counts.
std::vector<std::pair<std::string, int32_t>> read_vocabulary(const std::filesystem::path& path) {
  const std::string text = read_file(path);
  std::vector<std::string> lines;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    std::string line = text.substr(begin, end - begin);
    if (line.ends_with('\r')) line.pop_back();
    if (!is_valid_utf8(line)) fail(ExitCode::bad_data, "{}:{}: not UTF-8", path.string(), lines.size() + 1);
    lines.push_back(std::move(line));
    begin = end + 1;
  }
  std::vector<std::pair<std::string, int32_t>> vocabulary;
  std::set<std::string_view> seen;
  for (size_t index = lines.size(); index-- > 0;) {
    if (seen.insert(lines[index]).second) vocabulary.emplace_back(lines[index], static_cast<int32_t>(index));
  }
  std::reverse(vocabulary.begin(), vocabulary.end());
  return vocabulary;
}

// Tokens of added_tokens.json, added_tokens_decoder and the lists of further special tokens, beside the named
// ones.
void read_further_tokens(const std::filesystem::path& folder, const Json& config, TokenizerParts& parts) {
  const std::string config_file = folder / "tokenizer_config.json", added_file = folder / "added_tokens.json";
  std::map<int32_t, AddedToken> tokens;
  for (const AddedToken& token : parts.added_tokens) tokens[token.id] = token;
  const auto add = [&tokens](int32_t id, AddedToken token) {
    token.id = id;
    tokens.insert_or_assign(id, std::move(token));
  };
  const Json added = read_optional_object(added_file);
  for (const auto& [content, id] : added.items()) {
    const auto names_it = [&content = content](const auto& known) { return known.second.content == content; };
    if (std::none_of(tokens.begin(), tokens.end(), names_it))
      add(id_from_json(id, content, added_file), token_from_json(content, added_file, false));
  }
  if (config.contains("added_tokens_decoder")) {
    for (const auto& [id, value] : config["added_tokens_decoder"].items()) {
      add(id_from_json(Json::parse(id, nullptr, false), id, config_file),
          token_from_json(value, config_file, false));
    }
  }
  const TokenIds ids = ids_of(parts);
  for (const char* list : {"additional_special_tokens", "extra_special_tokens"}) {
    if (!config.contains(list) || config[list].is_null()) continue;
    if (!config[list].is_array()) fail(ExitCode::bad_data, "{}: {} must be a list", config_file, list);
    for (const Json& value : config[list]) {
      const AddedToken token = token_from_json(value, config_file, true);
      const auto names_it = [&token](const auto& known) { return known.second.content == token.content; };
      if (std::any_of(tokens.begin(), tokens.end(), names_it)) continue;
      if (!ids.contains(token.content)) {
        fail(ExitCode::bad_data, "{}: {} has {}, which is not in the vocabulary", config_file, list,
             token.content);
      }
      add(ids.at(token.content), token);
    }
  }
  parts.added_tokens.clear();
  for (auto& [id, token] : tokens) parts.added_tokens.push_back(std::move(token));
}

TokenizerParts read_vocabulary_folder(const std::filesystem::path& folder, const Json& config) {
  const std::string config_file = (folder / "tokenizer_config.json").string();
  if (!config_flag(config, config_file, "do_basic_tokenize", true)) {
    fail(ExitCode::bad_data, "{}: do_basic_tokenize = false is not supported", config_file);
  }
  if (config.contains("never_split") && !config["never_split"].is_null()) {
    fail(ExitCode::bad_data, "{}: never_split is not supported", config_file);
  }
  TokenizerParts parts;
  parts.normalizer = configured_normalizer(config, config_file);
  parts.vocabulary = read_vocabulary(folder / "vocab.txt");
  const TokenIds ids = ids_of(parts);
  for (const auto& [name, token] : named_tokens(folder, config, ids)) {
    AddedToken added = token;
    added.id = ids.at(token.content);
    if (name == "unk_token") parts.unknown_token = token.content;
    if (name == "cls_token") parts.ids_before = {added.id};
    if (name == "sep_token") parts.ids_behind = {added.id};
    parts.added_tokens.push_back(std::move(added));
  }
  if (parts.added_tokens.size() != bert_special_tokens.size()) {
    fail(ExitCode::bad_data,
         "{}: must hold [PAD], [UNK], [CLS], [SEP] and [MASK], or what the configuration calls so",
         (folder / "vocab.txt").string());
  }
  read_further_tokens(folder, config, parts);
  return parts;
}

// transformers rebuilds the normalizer from the configuration, tokenizers reads tokenizer.json: they should
// agree.
void warn_of_conflict(const NormalizerOptions& read, const NormalizerOptions& configured,
                      const std::string& file) {
  if (read.lowercase != configured.lowercase ||
      read.handle_chinese_chars != configured.handle_chinese_chars ||
      read.strips_accents() != configured.strips_accents()) {
    log_warning(
        "{}: do_lower_case, strip_accents or tokenize_chinese_chars differ from tokenizer.json, which is "
        "followed",
        file);
  }
}

}  // namespace

Json read_optional_object(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path)) return Json::object();
  Json json = read_json(path);
  if (!json.is_object()) fail(ExitCode::bad_data, "{}: must hold an object", path.string());
  return json;
}

TokenizerParts read_bert_folder(const std::filesystem::path& folder, const nlohmann::json& value) {
  const std::filesystem::path config_path = folder / "tokenizer_config.json";
  const bool has_config = std::filesystem::exists(config_path);
  const Json config = read_optional_object(config_path);
  TokenizerParts parts;
  if (!value.is_null()) {
    parts = read_bert_json(value, (folder / "tokenizer.json").string());
    if (has_config) {
      warn_of_conflict(parts.normalizer, configured_normalizer(config, config_path.string()),
                       config_path.string());
    }
  } else {
    parts = read_vocabulary_folder(folder, config);
  }
  for (const auto& [name, token] : named_tokens(folder, config, ids_of(parts))) {
    parts.special_tokens[name] = token.content;
  }
  parts.config = config;
  return parts;
}

NormalizerOptions normalizer_of(const WordPieceOptions& options) {
  NormalizerOptions normalizer;
  normalizer.clean_text = options.clean_text;
  normalizer.handle_chinese_chars = options.handle_chinese_chars;
  normalizer.lowercase = options.lowercase;
  if (options.strip_accents != options.lowercase) normalizer.strip_accents = options.strip_accents;
  return normalizer;
}

TokenizerParts bert_parts(std::vector<std::string> vocabulary, const NormalizerOptions& normalizer) {
  TokenizerParts parts;
  parts.normalizer = normalizer;
  for (std::string& entry : vocabulary) {
    const auto id = static_cast<int32_t>(parts.vocabulary.size());
    parts.vocabulary.emplace_back(std::move(entry), id);
  }
  const TokenIds ids = ids_of(parts);
  require(ids.size() == parts.vocabulary.size(), "a vocabulary of {} entries has only {} different ones",
          parts.vocabulary.size(), ids.size());
  for (const auto& [name, content] : bert_special_tokens) {
    const auto id = ids.find(content);
    require(id != ids.end(), "a vocabulary must hold {}", content);
    parts.special_tokens[name] = content;
    parts.added_tokens.push_back({.content = content, .id = id->second, .special = true});
  }
  std::sort(parts.added_tokens.begin(), parts.added_tokens.end(),
            [](const AddedToken& a, const AddedToken& b) { return a.id < b.id; });
  parts.ids_before = {ids.at("[CLS]")};
  parts.ids_behind = {ids.at("[SEP]")};
  return parts;
}

}  // namespace limner
