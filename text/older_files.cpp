#include "text/older_files.h"

#include <algorithm>
#include <map>
#include <vector>

#include "runtime/error.h"
#include "text/json_reader.h"
#include "text/sentencepiece_files.h"

namespace limner {
namespace {

bool flag_of(const Json& config, const char* key) {
  return config.contains(key) && config[key].is_boolean() && config[key].get<bool>();
}

// A named token of the configuration, written as its text or as an object, or what it usually is.
std::string token_of(const Json& config, const char* name, const char* usual) {
  if (!config.contains(name) || config[name].is_null()) return usual;
  const Json& value = config[name];
  return value.is_object()   ? value.value("content", usual)
         : value.is_string() ? value.get<std::string>()
                             : usual;
}

Json merges_of(const std::filesystem::path& path) {
  const std::string text = read_file(path);
  Json merges = Json::array();
  for (size_t begin = 0, line = 1; begin < text.size(); ++line) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    std::string pair = text.substr(begin, end - begin);
    begin = end + 1;
    if (pair.ends_with('\r')) pair.pop_back();
    if (pair.empty() || (line == 1 && pair.starts_with("#version"))) continue;
    const size_t blank = pair.find(' ');
    if (blank == 0 || blank == std::string::npos || pair.find(' ', blank + 1) != std::string::npos)
      fail(ExitCode::bad_data, "{}:{}: must be two tokens with a blank between them", path.string(), line);
    merges.push_back({pair.substr(0, blank), pair.substr(blank + 1)});
  }
  return merges;
}

// The special tokens that stand in the vocabulary.
Json added_tokens(const Json& vocabulary, const std::vector<std::string>& contents, const std::string& mask) {
  std::map<int64_t, std::string> found;
  for (const std::string& content : contents) {
    if (vocabulary.contains(content)) found[vocabulary[content].get<int64_t>()] = content;
  }
  Json tokens = Json::array();
  for (const auto& [id, content] : found) {
    tokens.push_back({{"id", id},
                      {"content", content},
                      {"single_word", false},
                      {"lstrip", content == mask},
                      {"rstrip", false},
                      {"normalized", false},
                      {"special", true}});
  }
  return tokens;
}

}  // namespace

std::optional<OlderFiles> read_older_files(const std::filesystem::path& folder, const Json& config) {
  for (const char* name : {"sentencepiece.bpe.model", "tokenizer.model", "spiece.model"}) {
    if (std::filesystem::exists(folder / name)) {
      return OlderFiles{read_sentencepiece(folder / name, config), (folder / name).string()};
    }
  }
  const std::filesystem::path path = folder / "vocab.json", merges_path = folder / "merges.txt";
  if (!std::filesystem::exists(path) || !std::filesystem::exists(merges_path)) return {};

  std::string kind = token_of(config, "tokenizer_class", "GPT2Tokenizer");
  if (kind.ends_with("Fast")) kind.resize(kind.size() - 4);
  const bool roberta = kind == "RobertaTokenizer";
  if (!roberta && kind != "GPT2Tokenizer") {
    fail(ExitCode::bad_data,
         "{}: tokenizer_class = {} without tokenizer.json is not supported: write one with transformers, "
         "AutoTokenizer.from_pretrained(folder).save_pretrained(folder)",
         (folder / "tokenizer_config.json").string(), kind);
  }
  if (flag_of(config, "add_bos_token"))
    fail(ExitCode::bad_data, "{}: add_bos_token = true is not supported",
         (folder / "tokenizer_config.json").string());
  const Json vocabulary = read_json(path);
  if (!vocabulary.is_object()) fail(ExitCode::bad_data, "{}: must hold an object", path.string());
  for (const auto& [content, id] : vocabulary.items()) {
    if (!is_id(id)) fail(ExitCode::bad_data, "{}: {} has no id", path.string(), content);
  }
  const bool prefix = flag_of(config, "add_prefix_space");
  const std::string usual = "<|endoftext|>";
  const std::string begin =
      token_of(config, roberta ? "cls_token" : "bos_token", roberta ? "<s>" : usual.c_str());
  const std::string end =
      token_of(config, roberta ? "sep_token" : "eos_token", roberta ? "</s>" : usual.c_str());
  const std::string mask = token_of(config, "mask_token", roberta ? "<mask>" : "");
  std::vector<std::string> special = {begin, end, mask,
                                      token_of(config, "unk_token", roberta ? "<unk>" : usual.c_str()),
                                      token_of(config, "pad_token", roberta ? "<pad>" : "")};
  const Json byte_level = {
      {"type", "ByteLevel"}, {"add_prefix_space", prefix}, {"trim_offsets", roberta}, {"use_regex", true}};
  Json post = byte_level;
  if (roberta) {
    for (const std::string& content : {begin, end}) {
      if (!vocabulary.contains(content))
        fail(ExitCode::bad_data, "{}: the special token {} is not in the vocabulary", path.string(), content);
    }
    post = {{"type", "RobertaProcessing"},
            {"sep", {end, vocabulary[end]}},
            {"cls", {begin, vocabulary[begin]}},
            {"trim_offsets", true},
            {"add_prefix_space", prefix}};
  }
  Json document = {{"version", "1.0"},
                   {"truncation", nullptr},
                   {"padding", nullptr},
                   {"added_tokens", added_tokens(vocabulary, special, mask)},
                   {"normalizer", nullptr},
                   {"pre_tokenizer", byte_level},
                   {"post_processor", post},
                   {"decoder", byte_level},
                   {"model",
                    {{"type", "BPE"},
                     {"dropout", nullptr},
                     {"unk_token", nullptr},
                     {"continuing_subword_prefix", ""},
                     {"end_of_word_suffix", ""},
                     {"fuse_unk", false},
                     {"byte_fallback", false},
                     {"ignore_merges", false},
                     {"vocab", vocabulary},
                     {"merges", merges_of(merges_path)}}}};
  return OlderFiles{std::move(document), path.string()};
}

}  // namespace limner
