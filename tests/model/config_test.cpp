#include "model/config.h"

#include "model/model.h"
#include "tests/model/model_testing.h"

namespace limner {
namespace {

using testing::expect_error;
using testing::TemporaryFolder;

Json bert_json() {
  return Json::parse(R"({"architectures": ["BertModel"], "model_type": "bert", "hidden_act": "gelu",
    "hidden_size": 12, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 19,
    "vocab_size": 29, "max_position_embeddings": 17, "type_vocab_size": 2, "layer_norm_eps": 1e-12,
    "hidden_dropout_prob": 0.2, "attention_probs_dropout_prob": 0.3, "classifier_dropout": null,
    "position_embedding_type": "absolute", "pad_token_id": 0, "torch_dtype": "float16", "use_cache": true})");
}

ModelConfig read(const Json& json) {
  const TemporaryFolder folder;
  write_json(folder / "config.json", json);
  return ModelConfig::read(folder.path());
}

void expect_refused(const std::string& key, const Json& value) {
  Json json = bert_json();
  json[key] = value;
  expect_error(ExitCode::bad_data, {"config.json", key, value.dump()}, [&] { read(json); });
}

TEST(ModelConfig, ReadsBert) {
  const ModelConfig config = read(bert_json());
  EXPECT_EQ(config.layers, 2);
  EXPECT_EQ(config.hidden, 12);
  EXPECT_EQ(config.head_size(), 4);
  EXPECT_EQ(config.inner, 19);
  EXPECT_EQ(config.vocabulary, 29);
  EXPECT_EQ(config.max_positions, 17);
  EXPECT_EQ(config.segments, 2);
  EXPECT_EQ(config.activation, Activation::gelu);
  EXPECT_FLOAT_EQ(config.norm_epsilon, 1e-12f);
  EXPECT_FLOAT_EQ(config.hidden_dropout, 0.2f);
  EXPECT_FLOAT_EQ(config.attention_dropout, 0.3f);
  EXPECT_FLOAT_EQ(config.head_dropout, 0.2f);  // null: as hidden_dropout_prob
  EXPECT_FALSE(config.has_pooler);
}

TEST(ModelConfig, DefaultsAndActivations) {
  Json json = bert_json();
  for (const char* key :
       {"type_vocab_size", "layer_norm_eps", "hidden_dropout_prob", "position_embedding_type"}) {
    json.erase(key);
  }
  json["classifier_dropout"] = 0.4;
  json["hidden_act"] = "gelu_new";
  const ModelConfig config = read(json);
  EXPECT_EQ(config.segments, 2);
  EXPECT_FLOAT_EQ(config.hidden_dropout, 0.1f);
  EXPECT_FLOAT_EQ(config.head_dropout, 0.4f);
  EXPECT_EQ(config.activation, Activation::gelu_tanh);
  json["hidden_act"] = "gelu_pytorch_tanh";
  EXPECT_EQ(read(json).activation, Activation::gelu_tanh);
  json["hidden_act"] = "relu";
  EXPECT_EQ(read(json).activation, Activation::relu);
}

TEST(ModelConfig, RefusesByKeyAndValue) {
  expect_refused("model_type", "deberta-v2");
  expect_refused("position_embedding_type", "relative_key");
  expect_refused("hidden_act", "quick_gelu");
  expect_refused("is_decoder", true);
  expect_refused("add_cross_attention", true);
  expect_refused("auto_map", Json{{"AutoModel", "modeling.Model"}});
  expect_refused("quantization_config", Json{{"bits", 4}});
  expect_refused("pruned_heads", Json{{"0", {1, 2}}});
  expect_refused("num_attention_heads", 5);
  expect_refused("hidden_size", 0);
  expect_refused("hidden_size", -12);
  expect_refused("num_hidden_layers", 2000000000);
  expect_refused("hidden_size", 12.5);
  expect_refused("hidden_size", "12");
  expect_refused("vocab_size", int64_t{1} << 40);
  expect_refused("layer_norm_eps", 0);
  expect_refused("hidden_dropout_prob", 1.0);
  expect_refused("hidden_dropout_prob", "much");
}

TEST(ModelConfig, RefusesMissingKeysAndFiles) {
  for (const char* key : {"model_type", "hidden_size", "num_hidden_layers", "num_attention_heads",
                          "intermediate_size", "vocab_size", "max_position_embeddings"}) {
    Json json = bert_json();
    json.erase(key);
    expect_error(ExitCode::bad_data, {"config.json", key, "missing"}, [&] { read(json); });
  }
  const TemporaryFolder folder;
  expect_error(ExitCode::missing_input, {"config.json"}, [&] { ModelConfig::read(folder.path()); });
  expect_error(ExitCode::bad_data, {"config.json"}, [] { read(Json::array()); });
}

TEST(ModelConfig, WritesBackWhatItDoesNotKnow) {
  Json source = bert_json();
  source["_name_or_path"] = "somewhere/private";
  const Json written = read(source).to_json();
  EXPECT_EQ(written["use_cache"], true);
  EXPECT_EQ(written["dtype"], "float32");
  EXPECT_FALSE(written.contains("torch_dtype"));
  EXPECT_FALSE(written.contains("_name_or_path"));
  EXPECT_EQ(written["layer_norm_eps"].dump(), "1e-12");
  EXPECT_EQ(written["hidden_dropout_prob"].dump(), "0.2");
  EXPECT_TRUE(written["classifier_dropout"].is_null());

  const ModelConfig again = read(written);
  EXPECT_EQ(again.to_json(), written);
}

TEST(ModelConfig, FromSettings) {
  ArchitectureSettings settings;
  settings.dropout = 0.25;
  settings.activation = "gelu_new";
  const ModelConfig config = ModelConfig::from_settings(settings, 321);
  EXPECT_EQ(config.vocabulary, 321);
  EXPECT_EQ(config.hidden, settings.hidden);
  EXPECT_EQ(config.activation, Activation::gelu_tanh);
  const Json written = config.to_json();
  EXPECT_EQ(written["hidden_act"], "gelu_new");
  EXPECT_EQ(written["attention_probs_dropout_prob"].dump(), "0.25");
  EXPECT_EQ(read(written).to_json(), written);
  settings.heads = 7;
  expect_error(ExitCode::bad_config, {"heads", "7", "192"},
               [&] { ModelConfig::from_settings(settings, 321); });
}

// modules.json, 1_Pooling, 2_Normalize, sentence_bert_config.json in the older or the newer spelling.
class Sentence : public ::testing::Test {
 protected:
  void older() {
    modules({"sentence_transformers.models.Transformer", "sentence_transformers.models.Pooling",
             "sentence_transformers.models.Normalize"});
    pooling({{"word_embedding_dimension", 12},
             {"pooling_mode_cls_token", false},
             {"pooling_mode_mean_tokens", true},
             {"pooling_mode_max_tokens", false},
             {"pooling_mode_mean_sqrt_len_tokens", false}});
    write("sentence_bert_config.json", {{"max_seq_length", 16}, {"do_lower_case", false}});
  }
  void newer() {
    modules({"sentence_transformers.base.modules.transformer.Transformer",
             "sentence_transformers.sentence_transformer.modules.pooling.Pooling",
             "sentence_transformers.base.modules.normalize.Normalize"});
    pooling({{"embedding_dimension", 12}, {"pooling_mode", "cls"}, {"include_prompt", true}});
    fs::create_directories(folder_ / "2_Normalize");
    write("2_Normalize/config.json",
          {{"module_input_name", "sentence_embedding"}, {"module_output_name", "sentence_embedding"}});
    write("sentence_bert_config.json",
          {{"transformer_task", "feature-extraction"},
           {"modality_config",
            {{"text", {{"method_output_name", "last_hidden_state"}, {"method", "forward"}}}}},
           {"module_output_name", "token_embeddings"}});
    write("tokenizer_config.json", {{"model_max_length", 256}});
    write("config_sentence_transformers.json",
          {{"default_prompt_name", nullptr}, {"prompts", {{"query", ""}, {"document", ""}}}});
  }
  void modules(const std::vector<std::string>& types) {
    const std::vector<std::string> paths{"", "1_Pooling", "2_Normalize", "3_More"};
    Json list = Json::array();
    for (size_t index = 0; index < types.size(); ++index) {
      list.push_back(
          {{"idx", index}, {"name", std::to_string(index)}, {"path", paths[index]}, {"type", types[index]}});
    }
    write("modules.json", list);
  }
  void pooling(const Json& json) {
    fs::create_directories(folder_ / "1_Pooling");
    write("1_Pooling/config.json", json);
  }
  void write(const std::string& name, const Json& json) { write_json(folder_ / name, json); }
  SentenceConfig read() { return SentenceConfig::read(folder_.path()); }
  void expect_refused(const std::vector<std::string>& words) {
    expect_error(ExitCode::bad_data, words, [&] { read(); });
  }
  TemporaryFolder folder_;
};

TEST_F(Sentence, NotThere) { EXPECT_FALSE(read().present); }

TEST_F(Sentence, OlderSpelling) {
  older();
  const SentenceConfig config = read();
  EXPECT_TRUE(config.present);
  EXPECT_EQ(config.pooling, Pooling::mean);
  EXPECT_TRUE(config.normalize);
  EXPECT_EQ(config.max_length, 16);
}

TEST_F(Sentence, NewerSpelling) {
  newer();
  const SentenceConfig config = read();
  EXPECT_EQ(config.pooling, Pooling::cls);
  EXPECT_TRUE(config.normalize);
  EXPECT_EQ(config.max_length, 256);
  write("tokenizer_config.json", {{"model_max_length", 1e30}});
  EXPECT_EQ(read().max_length, 0);
}

TEST_F(Sentence, EveryPoolingInBothSpellings) {
  const std::vector<std::tuple<const char*, const char*, Pooling>> names{
      {"mean", "pooling_mode_mean_tokens", Pooling::mean},
      {"cls", "pooling_mode_cls_token", Pooling::cls},
      {"max", "pooling_mode_max_tokens", Pooling::max},
      {"lasttoken", "pooling_mode_lasttoken", Pooling::last},
      {"weightedmean", "pooling_mode_weightedmean_tokens", Pooling::weighted_mean}};
  for (const auto& [mode, flag, expected] : names) {
    newer();
    pooling({{"embedding_dimension", 12}, {"pooling_mode", mode}});
    EXPECT_EQ(read().pooling, expected) << mode;
    pooling({{"embedding_dimension", 12}, {"pooling_mode", {mode}}});
    EXPECT_EQ(read().pooling, expected) << mode;
    pooling({{"word_embedding_dimension", 12}, {flag, true}});
    EXPECT_EQ(read().pooling, expected) << flag;
    const TemporaryFolder written;
    SentenceConfig config;
    config.pooling = expected;
    config.normalize = false;
    config.max_length = 99;
    config.write(written.path(), 12);
    const SentenceConfig back = SentenceConfig::read(written.path());
    EXPECT_EQ(back.pooling, expected) << mode;
    EXPECT_FALSE(back.normalize);
    EXPECT_EQ(back.max_length, 99);
  }
}

TEST_F(Sentence, UnknownIsRefused) {
  older();
  modules({"x.Transformer", "x.Pooling", "x.LayerNorm", "x.Normalize"});
  expect_refused({"modules.json", "LayerNorm"});
  modules({"x.Transformer", "x.Normalize"});
  expect_refused({"modules.json", "Normalize"});
  modules({"x.Transformer"});
  expect_refused({"modules.json", "Pooling"});
  modules({"x.Transformer", "x.Pooling"});
  EXPECT_FALSE(read().normalize);
  write("modules.json", {{"no", "list"}});
  expect_refused({"modules.json"});
  write("modules.json", Json::array({{{"type", "x.Transformer"}, {"path", "0_Transformer"}},
                                     {{"type", "x.Pooling"}, {"path", "1_Pooling"}}}));
  expect_refused({"modules.json", "0_Transformer"});
  write("modules.json", Json::array({{{"type", "x.Transformer"}, {"path", ""}},
                                     {{"type", "x.Pooling"}, {"path", "../1_Pooling"}}}));
  expect_refused({"modules.json", "../1_Pooling"});
}

TEST_F(Sentence, UnknownPoolingIsRefused) {
  older();
  pooling({{"pooling_mode_mean_sqrt_len_tokens", true}});
  expect_refused({"1_Pooling", "pooling_mode_mean_sqrt_len_tokens"});
  pooling({{"pooling_mode_cls_token", true}, {"pooling_mode_mean_tokens", true}});
  expect_refused({"1_Pooling", "pooling_mode_cls_token", "pooling_mode_mean_tokens"});
  pooling({{"pooling_mode_mean_tokens", false}});
  expect_refused({"1_Pooling", "pooling_mode"});
  pooling({{"pooling_mode", "attention"}});
  expect_refused({"1_Pooling", "attention"});
  pooling({{"pooling_mode", {"cls", "mean"}}});
  expect_refused({"1_Pooling", "cls"});
  pooling({{"pooling_mode", "mean"}, {"surprise", 1}});
  expect_refused({"1_Pooling", "surprise"});
}

TEST_F(Sentence, SettingsThatChangeVectorsAreRefused) {
  older();
  write("sentence_bert_config.json", {{"max_seq_length", 16}, {"do_lower_case", true}});
  expect_refused({"sentence_bert_config.json", "do_lower_case"});
  write("sentence_bert_config.json", {{"max_seq_length", 16}, {"query_length", 8}});
  expect_refused({"sentence_bert_config.json", "query_length"});
  write("sentence_bert_config.json", {{"max_seq_length", 0}});
  expect_refused({"sentence_bert_config.json", "max_seq_length"});
  newer();
  write("2_Normalize/config.json", {{"module_input_name", "token_embeddings"}});
  expect_refused({"2_Normalize", "token_embeddings"});
  newer();
  write("config_sentence_transformers.json",
        {{"default_prompt_name", "passage"}, {"prompts", {{"query", "q: "}}}});
  expect_refused({"config_sentence_transformers.json", "passage"});
  write("config_sentence_transformers.json", {{"prompts", {{"query", 3}}}});
  expect_refused({"config_sentence_transformers.json", "prompts"});
}

TEST_F(Sentence, PromptsByNameAndByWords) {
  newer();
  EXPECT_EQ(read().prompt_for("auto"), "");
  write("config_sentence_transformers.json",
        {{"default_prompt_name", "query"}, {"prompts", {{"query", "query: "}, {"passage", "passage: "}}}});
  SentenceConfig config = read();
  EXPECT_EQ(config.prompt_for("auto"), "query: ");
  EXPECT_EQ(config.prompt_for("passage"), "passage: ");
  EXPECT_EQ(config.prompt_for("Find this: "), "Find this: ");
  EXPECT_EQ(config.prompt_for(""), "");
  expect_error(ExitCode::bad_config, {"model.prompt", "qurey", "passage, query"},
               [&] { config.prompt_for("qurey"); });

  config.set_default_prompt("passage: ");
  EXPECT_EQ(config.default_prompt, "passage");
  config.set_default_prompt("Find this: ");
  const TemporaryFolder written;
  config.write(written.path(), 12);
  const SentenceConfig back = SentenceConfig::read(written.path());
  EXPECT_EQ(back.prompt_for("auto"), "Find this: ");
  EXPECT_EQ(back.prompt_for("passage"), "passage: ");

  EXPECT_EQ(read().unpooled_tokens(4, 12), 0);
  pooling({{"embedding_dimension", 12}, {"pooling_mode", "mean"}, {"include_prompt", false}});
  EXPECT_EQ(read().unpooled_tokens(0, 12), 0);
  EXPECT_EQ(read().unpooled_tokens(4, 12), 4);
  expect_error(ExitCode::bad_config, {"model.prompt", "include_prompt", "12"},
               [&] { read().unpooled_tokens(12, 12); });
}

TEST_F(Sentence, DenseLayersAreWrittenAsTheyWereRead) {
  SentenceConfig config;
  config.layers = {{3, 2, Activation::gelu, false, {1, 2, 3, 4, 5, 6}, {7, 8}},
                   {2, 1, Activation::none, true, {9, 10}, {}}};
  config.write(folder_.path(), 3);
  const SentenceConfig back = read();
  EXPECT_TRUE(back.normalize);
  EXPECT_EQ(back.width(3), 1);
  ASSERT_EQ(back.layers.size(), 2u);
  for (size_t layer = 0; layer < 2; ++layer) {
    EXPECT_EQ(back.layers[layer].weight, config.layers[layer].weight);
    EXPECT_EQ(back.layers[layer].bias, config.layers[layer].bias);
    EXPECT_EQ(back.layers[layer].activation, config.layers[layer].activation);
    EXPECT_EQ(back.layers[layer].normalizes_first, config.layers[layer].normalizes_first);
  }

  const Json dense = read_json(folder_ / "2_Dense" / "config.json");
  const auto changed = [&](const char* key, const Json& value) {
    Json json = dense;
    json[key] = value;
    write("2_Dense/config.json", json);
  };
  changed("activation_function", "torch.nn.modules.activation.Mish");
  expect_refused({"2_Dense", "Mish"});
  changed("in_features", 4);
  expect_refused({"2_Dense", "linear.weight", "[2, 4]"});
  changed("use_residual", true);
  expect_refused({"2_Dense", "use_residual"});
  changed("surprise", 1);
  expect_refused({"2_Dense", "surprise"});
}

}  // namespace
}  // namespace limner
