// Loading, saving and refusing tokenizer files; added tokens. Expected ids are those of `tokenizers`.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/error.h"
#include "runtime/files.h"
#include "temporary_folder.h"
#include "text/tokenizer.h"

namespace limner {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

constexpr int64_t unlimited = int64_t{1} << 40;

Json added_token(int id, const std::string& content, const Json& flags = Json::object()) {
  Json token = {{"id", id},        {"content", content},  {"single_word", false}, {"lstrip", false},
                {"rstrip", false}, {"normalized", false}, {"special", false}};
  token.update(flags);
  return token;
}

Json tokenizer_json() {
  Json json = Json::parse(R"({"version": "1.0", "truncation": null, "padding": null,
    "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null, "lowercase": true},
    "pre_tokenizer": {"type": "BertPreTokenizer"},
    "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]},
    "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
    "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
      "vocab": {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4, "a": 5, "b": 6, "##b": 7, "中": 8}}})");
  json["added_tokens"] = Json::array();
  for (const char* special : {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}) {
    json["added_tokens"].push_back(
        added_token(static_cast<int>(json["added_tokens"].size()), special, {{"special", true}}));
  }
  return json;
}

class TokenizerFiles : public testing::Test {
 protected:
  TemporaryFolder folder_;

  void write(const std::string& name, const Json& json) const { write_json(folder_.path() / name, json); }
  Tokenizer load(const Json& json) const {
    write("tokenizer.json", json);
    return Tokenizer::load(folder_.path());
  }
  // The message of the error that loading gives.
  std::string refusal(const std::string& edit_path, const Json& value,
                      ExitCode code = ExitCode::bad_data) const {
    Json json = tokenizer_json();
    json[Json::json_pointer(edit_path)] = value;
    return refusal_of([&] { load(json); }, code);
  }
  template <class Function>
  static std::string refusal_of(Function&& function, ExitCode code) {
    try {
      function();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << error.what();
      return error.what();
    }
    ADD_FAILURE() << "nothing was refused";
    return {};
  }
};

TEST_F(TokenizerFiles, LoadsTokenizerJson) {
  const Tokenizer tokenizer = load(tokenizer_json());
  EXPECT_THAT(tokenizer.encode("AB 中[MASK]x", unlimited), ElementsAre(2, 5, 7, 8, 4, 1, 3));
  EXPECT_EQ(tokenizer.vocabulary_size(), 9);
}

TEST_F(TokenizerFiles, ReadsATemplate) {
  Json json = tokenizer_json();
  json["post_processor"] = Json::parse(R"({"type": "TemplateProcessing",
    "single": [{"SpecialToken": {"id": "x", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "[SEP]", "type_id": 0}}],
    "pair": [], "special_tokens": {"x": {"id": "x", "ids": [2, 4], "tokens": ["[CLS]", "[MASK]"]}, "[SEP]": {"id": "[SEP]", "ids": [3], "tokens": ["[SEP]"]}}})");
  const Tokenizer tokenizer = load(json);
  EXPECT_THAT(tokenizer.encode("a b", unlimited), ElementsAre(2, 4, 5, 6, 3));
  EXPECT_THAT(tokenizer.encode("a b", 4), ElementsAre(2, 4, 5, 3));
  json["post_processor"] = nullptr;
  EXPECT_THAT(load(json).encode("a b", unlimited), ElementsAre(5, 6));
}

TEST_F(TokenizerFiles, ReadsNoNormalizer) {
  Json json = tokenizer_json();
  json["normalizer"] = nullptr;
  EXPECT_THAT(load(json).encode("ab AB 中中", unlimited), ElementsAre(2, 5, 7, 1, 1, 3));
}

TEST_F(TokenizerFiles, FollowsTheRulesOfAddedTokens) {
  Json json = tokenizer_json();
  json["added_tokens"].push_back(added_token(9, "foo", {{"single_word", true}}));
  json["added_tokens"].push_back(added_token(10, "foobar"));
  json["added_tokens"].push_back(added_token(11, "<m>", {{"lstrip", true}, {"rstrip", true}}));
  json["added_tokens"].push_back(added_token(12, "Né 中", {{"normalized", true}}));
  const Tokenizer tokenizer = load(json);
  const auto ids = [&](const char* text) { return tokenizer.encode(text, unlimited); };
  EXPECT_THAT(ids("a foo b"), ElementsAre(2, 5, 9, 6, 3));
  EXPECT_THAT(ids("afoo foo_ FOO"),
              ElementsAre(2, 1, 1, 1, 1, 3));         // foo_ is a word and a punctuation character
  EXPECT_THAT(ids("foobar"), ElementsAre(2, 10, 3));  // the longest
  EXPECT_THAT(ids("aNE\u0301 中b"), ElementsAre(2, 5, 12, 6, 3));
  EXPECT_THAT(tokenizer.encode_with_offsets("a  <m> \t b", unlimited).offsets,
              ElementsAre(Pair(0, 0), Pair(0, 1), Pair(1, 9), Pair(9, 10), Pair(0, 0)));
  EXPECT_THAT(tokenizer.encode_with_offsets("<m> <m>", unlimited).offsets,
              ElementsAre(Pair(0, 0), Pair(0, 4), Pair(4, 7), Pair(0, 0)));
}

// Sixty bytes must not ask for gigabytes, nor a nested document for the whole stack.
TEST_F(TokenizerFiles, RefusesWhatWouldFillMemory) {
  Json json = tokenizer_json();
  json["model"]["vocab"]["b"] = 2147483647;
  EXPECT_THAT(refusal_of([&] { load(json); }, ExitCode::bad_data), HasSubstr("2147483647"));
  std::string text = tokenizer_json().dump();
  const std::string padding = R"("padding":null)";
  text.replace(text.find(padding), padding.size(),
               R"("padding":)" + std::string(20000, '[') + std::string(20000, ']'));
  write_file(folder_.path() / "tokenizer.json", text);
  EXPECT_THAT(refusal_of([&] { Tokenizer::load(folder_.path()); }, ExitCode::bad_data), HasSubstr("nested"));
}

TEST_F(TokenizerFiles, SavesWhatItLoaded) {
  Json json = tokenizer_json();
  json["added_tokens"].push_back(added_token(9, "Né", {{"normalized", true}, {"lstrip", true}}));
  json["truncation"] =
      Json::parse(R"({"direction": "Right", "max_length": 128, "strategy": "LongestFirst", "stride": 0})");
  const Tokenizer loaded = load(json);
  const TemporaryFolder saved;
  loaded.save(saved.path(), 300);
  EXPECT_EQ(nlohmann::json(read_json(saved.path() / "tokenizer.json")), nlohmann::json(json));
  EXPECT_EQ(read_file(saved.path() / "vocab.txt"), "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\n##b\n中\n");
  const Json config = read_json(saved.path() / "tokenizer_config.json");
  EXPECT_EQ(config["model_max_length"], 300);
  EXPECT_EQ(config["tokenizer_class"], "BertTokenizer");
  EXPECT_EQ(config["do_lower_case"], true);
  EXPECT_EQ(config["strip_accents"], nullptr);
  EXPECT_EQ(read_json(saved.path() / "special_tokens_map.json")["mask_token"], "[MASK]");
  const Tokenizer again = Tokenizer::load(saved.path());
  EXPECT_EQ(again.sha256(), loaded.sha256());
  EXPECT_THAT(again.encode("né", unlimited), ElementsAre(2, 9, 3));

  std::filesystem::remove(saved.path() / "tokenizer.json");  // vocab.txt and the configuration say the same
  EXPECT_EQ(Tokenizer::load(saved.path()).sha256(), loaded.sha256());
}

TEST_F(TokenizerFiles, SavesNoLinesWhereTheyAreNotIds) {
  Json json = tokenizer_json();
  json["model"]["vocab"]["far"] = 20;
  const Tokenizer loaded = load(json);
  EXPECT_EQ(loaded.vocabulary_size(), 21);
  EXPECT_EQ(loaded.token(15), "");
  const TemporaryFolder saved;
  loaded.save(saved.path(), 300);
  EXPECT_FALSE(std::filesystem::exists(saved.path() / "vocab.txt"));
  EXPECT_EQ(Tokenizer::load(saved.path()).sha256(), loaded.sha256());
}

TEST_F(TokenizerFiles, LoadsVocabTxt) {
  write_file(folder_.path() / "vocab.txt",
             "[PAD]\r\n[UNK]\r\n[CLS]\r\n[SEP]\r\n[MASK]\r\na\r\na\r\nÉ\r\n[X]");
  EXPECT_THAT(Tokenizer::load(folder_.path()).encode("A[x]", unlimited), ElementsAre(2, 6, 1, 1, 1, 3));
  write("tokenizer_config.json",
        {{"do_lower_case", false}, {"model_max_length", 1e30}, {"additional_special_tokens", {"[X]"}}});
  EXPECT_THAT(Tokenizer::load(folder_.path()).encode("É[X]A", unlimited), ElementsAre(2, 7, 8, 1, 3));
  write("tokenizer_config.json", {{"do_basic_tokenize", false}});
  EXPECT_THAT(refusal_of([&] { Tokenizer::load(folder_.path()); }, ExitCode::bad_data),
              HasSubstr("do_basic_tokenize"));
  write("tokenizer_config.json", {{"mask_token", "<mask>"}});
  EXPECT_THAT(refusal_of([&] { Tokenizer::load(folder_.path()); }, ExitCode::bad_data), HasSubstr("<mask>"));
}

TEST_F(TokenizerFiles, RefusesVocabTxtThatCannotBe) {
  write_file(folder_.path() / "vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\na\n");
  EXPECT_THAT(refusal_of([&] { Tokenizer::load(folder_.path()); }, ExitCode::bad_data), HasSubstr("[MASK]"));
  write_file(folder_.path() / "vocab.txt", "[PAD]\n\xFF\n");
  EXPECT_THAT(refusal_of([&] { Tokenizer::load(folder_.path()); }, ExitCode::bad_data),
              HasSubstr("vocab.txt:2"));
}

TEST_F(TokenizerFiles, RefusesWhatItDoesNotSupportByName) {
  EXPECT_THAT(refusal("/normalizer", {{"type", "Transliterate"}}), HasSubstr("Transliterate"));
  EXPECT_THAT(refusal("/pre_tokenizer", {{"type", "UnicodeScripts"}}), HasSubstr("UnicodeScripts"));
  EXPECT_THAT(refusal("/pre_tokenizer", Json::parse(R"({"type": "ByteLevel", "add_prefix_space": true})")),
              HasSubstr("only BPE goes with ByteLevel"));
  EXPECT_THAT(refusal("/post_processor/type", "Surprise"), HasSubstr("Surprise"));
  EXPECT_THAT(refusal("/model/type", "WordLevel"), HasSubstr("WordLevel"));
  EXPECT_THAT(refusal("/model/dropout", 0.1), HasSubstr("dropout"));
  EXPECT_THAT(refusal("/surprise", 1), HasSubstr("surprise"));
  EXPECT_THAT(refusal("/version", "2.0"), HasSubstr("2.0"));
  EXPECT_THAT(refusal("/truncation", {{"direction", "Left"}}), HasSubstr("Left"));
  EXPECT_THAT(refusal("/normalizer/lowercase", "yes"), HasSubstr("true or false"));
}

TEST_F(TokenizerFiles, RefusesWhatDoesNotFit) {
  EXPECT_THAT(refusal("/model/unk_token", "<unk>"), HasSubstr("<unk>"));
  EXPECT_THAT(refusal("/model/vocab/b", 5), HasSubstr("two entries"));
  EXPECT_THAT(refusal("/model/vocab/b", -1), HasSubstr("integer"));
  EXPECT_THAT(refusal("/model/vocab/b", 3e9), HasSubstr("integer"));
  EXPECT_THAT(refusal("/model/vocab", Json::array()), HasSubstr("vocab"));
  EXPECT_THAT(refusal("/added_tokens/4/id", 6), HasSubstr("does not follow"));
  EXPECT_THAT(refusal("/added_tokens/4/content", "[SEP]"), HasSubstr("twice"));
  EXPECT_THAT(refusal("/added_tokens/4/content", ""), HasSubstr("empty"));
  EXPECT_THAT(refusal("/post_processor/cls", {"[CLS]", 99}), HasSubstr("99"));
  // As 32 bits these would be an id.
  EXPECT_THAT(refusal("/post_processor/cls", {"[CLS]", (int64_t{1} << 32) + 2}),
              HasSubstr("post_processor.cls"));
}

TEST_F(TokenizerFiles, RefusesAddedTokensThatNormalizeToTheSame) {
  Json json = tokenizer_json();
  json["added_tokens"].push_back(added_token(9, "Né", {{"normalized", true}}));
  json["added_tokens"].push_back(added_token(10, "ne", {{"normalized", true}}));
  EXPECT_THAT(refusal_of([&] { load(json); }, ExitCode::bad_data), HasSubstr("normalized"));
}

TEST_F(TokenizerFiles, RefusesBrokenFiles) {
  EXPECT_THAT(refusal_of([&] { Tokenizer::load(folder_.path()); }, ExitCode::missing_input),
              HasSubstr("vocab.txt"));
  write_file(folder_.path() / "tokenizer.json", "{\"version\": \"1.0\", \"version\": \"1.0\"}");
  EXPECT_THAT(refusal_of([&] { Tokenizer::load(folder_.path()); }, ExitCode::bad_data), HasSubstr("twice"));
  write_file(folder_.path() / "tokenizer.json", tokenizer_json().dump().substr(0, 300));
  EXPECT_THAT(refusal_of([&] { Tokenizer::load(folder_.path()); }, ExitCode::bad_data),
              HasSubstr("not valid JSON"));
  write_file(folder_.path() / "tokenizer.json", R"({"version": 6.5e562})");  // beyond a double
  EXPECT_THAT(refusal_of([&] { Tokenizer::load(folder_.path()); }, ExitCode::bad_data), HasSubstr("6.5e562"));
  write_file(folder_.path() / "tokenizer.json", "[]");
  EXPECT_THAT(refusal_of([&] { Tokenizer::load(folder_.path()); }, ExitCode::bad_data), HasSubstr("object"));
}

}  // namespace
}  // namespace limner
