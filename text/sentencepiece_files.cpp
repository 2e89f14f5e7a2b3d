#include "text/sentencepiece_files.h"

#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "runtime/error.h"
#include "sentencepiece_model.pb.h"
#include "text/precompiled_map.h"
#include "text/utf8.h"

namespace limner {
namespace {

namespace proto = sentencepiece_model;
using Piece = proto::Model::Piece;

constexpr const char* metaspace = "\u2581";
constexpr int unknown_piece = 0, begin_piece = 1, end_piece = 2;  // of both kinds' models

// One model with its settings; errors name the file at fault.
class Source {
 public:
  Source(const std::filesystem::path& path, const Json& config)
      : path_(path), config_(config), config_path_(path.parent_path() / "tokenizer_config.json") {
    if (!model_.ParseFromString(read_file(path)))
      fail(ExitCode::bad_data, "{}: not a SentencePiece model", path.string());
    for (const Piece& piece : model_.pieces()) {
      if (!is_valid_utf8(piece.piece())) fail(ExitCode::bad_data, "{}: a piece is not UTF-8", path.string());
    }
  }

  const proto::Model& model() const { return model_; }
  const std::string& text(int piece) const { return model_.pieces(piece).piece(); }

  void expect_kind(proto::Trainer::Kind kind, const char* name) const {
    if (model_.trainer().model_type() != kind) {
      fail(ExitCode::bad_data, "{}: model_type is {}, where {} is wanted", path_.string(),
           static_cast<int>(model_.trainer().model_type()), name);
    }
    const bool usual = model_.pieces_size() > end_piece &&
                       model_.pieces(unknown_piece).type() == Piece::UNKNOWN &&
                       model_.pieces(begin_piece).type() == Piece::CONTROL &&
                       model_.pieces(end_piece).type() == Piece::CONTROL;
    if (!usual)
      fail(ExitCode::bad_data, "{}: its first pieces are not those for unknown, beginning and end",
           path_.string());
  }

  // A setting; nothing where it is absent or null.
  std::optional<bool> flag(const char* key) const {
    if (!config_.contains(key) || config_[key].is_null()) return {};
    if (!config_[key].is_boolean())
      fail(ExitCode::bad_data, "{}: {} must be true or false", config_path_.string(), key);
    return config_[key].get<bool>();
  }
  bool needed_flag(const char* key) const {
    const std::optional<bool> found = flag(key);
    if (!found) {
      fail(ExitCode::bad_data,
           "{}: {} is missing, and versions of transformers differ in what it is then; set it to true or "
           "false",
           config_path_.string(), key);
    }
    return *found;
  }

  // tokenizer.json's added_tokens: the named tokens, with `usual` for those that are not configured, and the
  // model's control and user-defined pieces. All must be in the vocabulary.
  Json added_tokens(const std::unordered_map<std::string, int64_t>& ids,
                    const std::map<std::string, std::string>& usual) const {
    std::map<int64_t, Json> tokens;
    const auto add = [&](const Json& token, bool special) {
      const std::string content = token.value("content", "");
      const auto id = ids.find(content);
      if (id == ids.end()) {
        fail(ExitCode::bad_data, "{}: the special token {} is not in {}", config_path_.string(), content,
             path_.string());
      }
      const auto said = [&](const char* key) { return token.value(key, false); };
      tokens.try_emplace(id->second, Json{{"id", id->second},
                                          {"content", content},
                                          {"single_word", said("single_word")},
                                          {"lstrip", said("lstrip")},
                                          {"rstrip", said("rstrip")},
                                          {"normalized", said("normalized")},
                                          {"special", special}});
    };
    for (const auto& [name, content] : usual) {
      const Json found = config_.contains(name) ? config_[name] : Json(nullptr);
      if (found.is_object()) {
        add(found, true);
      } else if (found.is_string() || !content.empty()) {
        add({{"content", found.is_string() ? found.get<std::string>() : content}}, true);
      }
    }
    for (const Piece& piece : model_.pieces()) {
      const bool control = piece.type() == Piece::CONTROL, given = piece.type() == Piece::USER_DEFINED;
      if ((control || given) && ids.contains(piece.piece())) add({{"content", piece.piece()}}, control);
    }
    Json list = Json::array();
    for (const auto& [id, token] : tokens) list.push_back(token);
    return list;
  }

  // Tokens that the configuration adds by hand.
  void refuse_further_tokens() const {
    if (std::filesystem::exists(path_.parent_path() / "added_tokens.json"))
      refuse_further("added_tokens.json");
    for (const char* key : {"additional_special_tokens", "extra_special_tokens"}) {
      if (config_.contains(key) && !config_[key].empty()) refuse_further(key);
    }
  }

 private:
  std::filesystem::path path_;
  const Json& config_;
  std::filesystem::path config_path_;
  proto::Model model_;

  [[noreturn]] void refuse_further(const char* what) const {
    fail(ExitCode::bad_data,
         "{}: {} beside a SentencePiece model without tokenizer.json is not supported: write one with "
         "transformers, "
         "AutoTokenizer.from_pretrained(folder).save_pretrained(folder)",
         path_.parent_path().string(), what);
  }
};

Json metaspace_json(const char* prepend_scheme, bool split) {
  return {{"type", "Metaspace"},
          {"replacement", metaspace},
          {"prepend_scheme", prepend_scheme},
          {"split", split}};
}

Json document(Json added_tokens, Json normalizer, Json pre_tokenizer, Json post_processor, Json decoder,
              Json model) {
  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens", std::move(added_tokens)},
          {"normalizer", std::move(normalizer)},
          {"pre_tokenizer", std::move(pre_tokenizer)},
          {"post_processor", std::move(post_processor)},
          {"decoder", std::move(decoder)},
          {"model", std::move(model)}};
}

// The text between a token before it and one behind it; empty: none there.
Json template_json(const std::string& before, const std::string& behind,
                   const std::unordered_map<std::string, int64_t>& ids) {
  Json single = Json::array(), tokens = Json::object();
  const auto add = [&](const std::string& content) {
    if (content.empty()) return;
    single.push_back({{"SpecialToken", {{"id", content}, {"type_id", 0}}}});
    tokens[content] = {
        {"id", content}, {"ids", Json::array({ids.at(content)})}, {"tokens", Json::array({content})}};
  };
  add(before);
  single.push_back({{"Sequence", {{"id", "A"}, {"type_id", 0}}}});
  add(behind);
  Json pair = single;
  for (Json item : single) {
    for (auto& [kind, part] : item.items()) {
      part["type_id"] = 1;
      if (kind == "Sequence") part["id"] = "B";
    }
    pair.push_back(std::move(item));
  }
  return {{"type", "TemplateProcessing"}, {"single", single}, {"pair", pair}, {"special_tokens", tokens}};
}

// fairseq's numbers: <s> <pad> </s> <unk>, the model's pieces behind its first three, <mask>.
Json read_xlm_roberta(const Source& source) {
  source.expect_kind(proto::Trainer::UNIGRAM, "Unigram");
  const std::string begin = "<s>", end = "</s>";
  Json vocabulary = Json::array();
  std::unordered_map<std::string, int64_t> ids;
  const auto add = [&](const std::string& content, double score) {
    ids.try_emplace(content, static_cast<int64_t>(vocabulary.size()));
    vocabulary.push_back(Json::array({content, score}));
  };
  for (const char* content : {"<s>", "<pad>", "</s>", "<unk>"}) add(content, 0.0);
  for (int piece = end_piece + 1; piece < source.model().pieces_size(); ++piece) {
    add(source.text(piece), static_cast<double>(source.model().pieces(piece).score()));
  }
  add("<mask>", 0.0);
  const char* const prepend = source.flag("add_prefix_space").value_or(true) ? "always" : "never";
  const std::string& map = source.model().normalizer().precompiled_charsmap();
  Json normalizer;
  if (!map.empty()) normalizer = {{"type", "Precompiled"}, {"precompiled_charsmap", encode_base64(map)}};
  return document(
      source.added_tokens(ids, {{"bos_token", begin},
                                {"eos_token", end},
                                {"cls_token", begin},
                                {"sep_token", end},
                                {"unk_token", "<unk>"},
                                {"pad_token", "<pad>"},
                                {"mask_token", "<mask>"}}),
      std::move(normalizer),
      {{"type", "Sequence"},
       {"pretokenizers", {{{"type", "WhitespaceSplit"}}, metaspace_json(prepend, true)}}},
      template_json(begin, end, ids), metaspace_json(prepend, true),
      {{"type", "Unigram"}, {"unk_id", 3}, {"vocab", std::move(vocabulary)}, {"byte_fallback", false}});
}

// A model has no merges: every way to put a piece together from two others is one, those of a piece with a
// lower id first, then those with the shorter left part.
Json merges_of(const proto::Model& model, const std::unordered_map<std::string, int64_t>& ids) {
  Json merges = Json::array();
  for (const Piece& piece : model.pieces()) {
    const std::string& text = piece.piece();
    for (size_t cut = 0; cut < text.size();) {
      next_code_point(text, cut);
      if (cut == text.size()) break;
      const std::string left = text.substr(0, cut), right = text.substr(cut);
      if (ids.contains(left) && ids.contains(right)) merges.push_back(Json::array({left, right}));
    }
  }
  return merges;
}

Json read_llama(const Source& source) {
  source.expect_kind(proto::Trainer::BPE, "BPE");
  Json vocabulary = Json::object();
  std::unordered_map<std::string, int64_t> ids;
  // Straight into the list that an ordered object is: inserting by key would search it each time.
  std::vector<std::pair<const std::string, Json>>& entries = vocabulary.get_ref<Json::object_t&>();
  for (const Piece& piece : source.model().pieces()) {
    const auto id = static_cast<int64_t>(ids.size());
    if (ids.try_emplace(piece.piece(), id).second) {
      entries.emplace_back(piece.piece(), id);
    } else {
      fail(ExitCode::bad_data, "the piece {} of a SentencePiece model stands there twice", piece.piece());
    }
  }
  const std::string& begin = source.text(begin_piece);
  const std::string& end = source.text(end_piece);
  const bool legacy = source.needed_flag("legacy"), prefix = source.flag("add_prefix_space").value_or(true);
  const bool begins = source.needed_flag("add_bos_token"),
             ends = source.flag("add_eos_token").value_or(false);
  Json decoders = {{{"type", "Replace"}, {"pattern", {{"String", metaspace}}}, {"content", " "}},
                   {{"type", "ByteFallback"}},
                   {{"type", "Fuse"}}};
  if (prefix) decoders.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  return document(source.added_tokens(ids, {{"unk_token", source.text(unknown_piece)},
                                            {"bos_token", begin},
                                            {"eos_token", end},
                                            {"pad_token", ""}}),
                  nullptr,
                  metaspace_json(!prefix  ? "never"
                                 : legacy ? "always"
                                          : "first",
                                 false),
                  template_json(begins ? begin : "", ends ? end : "", ids),
                  {{"type", "Sequence"}, {"decoders", decoders}},
                  {{"type", "BPE"},
                   {"dropout", nullptr},
                   {"unk_token", nullptr},
                   {"continuing_subword_prefix", nullptr},
                   {"end_of_word_suffix", nullptr},
                   {"fuse_unk", true},
                   {"byte_fallback", true},
                   {"ignore_merges", false},
                   {"vocab", vocabulary},
                   {"merges", merges_of(source.model(), ids)}});
}

}  // namespace

Json read_sentencepiece(const std::filesystem::path& model, const Json& config) {
  const Source source(model, config);
  source.refuse_further_tokens();
  std::string kind = model.filename() == "tokenizer.model" ? "LlamaTokenizer" : "XLMRobertaTokenizer";
  if (config.contains("tokenizer_class") && config["tokenizer_class"].is_string())
    kind = config["tokenizer_class"].get<std::string>();
  if (kind.ends_with("Fast")) kind.resize(kind.size() - 4);
  if (kind == "XLMRobertaTokenizer") return read_xlm_roberta(source);
  if (kind == "LlamaTokenizer") return read_llama(source);
  fail(ExitCode::bad_data,
       "{}: tokenizer_class = {} without tokenizer.json is not supported: write one with transformers, "
       "AutoTokenizer.from_pretrained(folder).save_pretrained(folder)",
       (model.parent_path() / "tokenizer_config.json").string(), kind);
}

}  // namespace limner
