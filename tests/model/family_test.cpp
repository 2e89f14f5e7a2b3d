// What families' config.json say, and what is refused.
#include "model/family.h"

#include <algorithm>
#include <cmath>

#include "model/distance_buckets.h"
#include "tests/model/model_testing.h"

namespace limner {
namespace {

using testing::expect_error;
using testing::TemporaryFolder;

Json llama_json() {
  return Json::parse(R"({"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu",
    "hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 6, "num_key_value_heads": 2,
    "intermediate_size": 19, "vocab_size": 29, "max_position_embeddings": 64, "rms_norm_eps": 1e-5,
    "rope_theta": 500.0, "rope_scaling": null, "pad_token_id": null, "attention_bias": false})");
}

Json modernbert_json() {
  return Json::parse(R"({"model_type": "modernbert", "hidden_size": 24, "num_hidden_layers": 4,
    "num_attention_heads": 6, "intermediate_size": 19, "vocab_size": 29, "max_position_embeddings": 64,
    "local_attention": 10, "global_attn_every_n_layers": 3, "global_rope_theta": 1000.0})");
}

ModelConfig read(const Json& json) {
  const TemporaryFolder folder;
  write_json(folder / "config.json", json);
  return ModelConfig::read(folder.path());
}

void expect_refused(const Json& json, const std::vector<std::string>& words) {
  std::vector<std::string> all{"config.json"};
  all.insert(all.end(), words.begin(), words.end());
  expect_error(ExitCode::bad_data, all, [&] { read(json); });
}

TEST(FamilyConfig, ReadsLlama) {
  const ModelConfig config = read(llama_json());
  const AttentionShape shape = config.attention(0, {});
  EXPECT_EQ(shape.head_size, 4);
  EXPECT_EQ(shape.key_head_count(), 2);
  EXPECT_EQ(shape.masking, Masking::causal);
  EXPECT_EQ(config.ropes.front().theta, 500.0);
  EXPECT_EQ(config.pad_id, -1);
  EXPECT_EQ(config.usual_head_input(), HeadInput::last);
  EXPECT_EQ(config.usual_pooling(), Pooling::last);
  EXPECT_TRUE(config.to_json()["pad_token_id"].is_null()) << "no token was made the padding";
}

TEST(FamilyConfig, BothSpellingsOfRotaryEmbeddings) {
  Json older = llama_json(), newer = llama_json();
  older["rope_scaling"] = {{"type", "linear"}, {"factor", 4.0}};
  newer.erase("rope_theta");
  newer.erase("rope_scaling");
  newer["rope_parameters"] = {{"rope_type", "linear"}, {"factor", 4.0}, {"rope_theta", 500.0}};
  for (const Json& json : {older, newer}) {
    const ModelConfig config = read(json);
    EXPECT_EQ(rotation_table(config.ropes.front(), 4, 9), rotation_table(read(older).ropes.front(), 4, 9));
    const std::vector<float> table = rotation_table(config.ropes.front(), 4, 9);
    const double angle = 8.0 * std::pow(500.0, -0.5) / 4.0;  // position 8, second frequency
    EXPECT_NEAR(table[8 * 4 + 1], std::cos(angle), 1e-6);
    EXPECT_NEAR(table[8 * 4 + 3], std::sin(angle), 1e-6);
  }
}

TEST(FamilyConfig, RefusesRotaryEmbeddingsByKeyAndValue) {
  const auto refused = [](const char* key, const Json& parameters, const std::vector<std::string>& words) {
    Json json = llama_json();
    json.erase("rope_scaling");
    json[key] = parameters;
    expect_refused(json, words);
  };
  for (const char* key : {"rope_scaling", "rope_parameters"}) {
    refused(key, {{"rope_type", "longrope"}, {"factor", 2.0}}, {key, "rope_type", "longrope"});
    refused(key, {{"type", "spiral"}}, {key, "type", "spiral"});
    refused(key, {{"rope_type", "linear"}}, {key, "factor", "missing"});
    refused(key, {{"rope_type", "linear"}, {"factor", "many"}}, {key, "factor", "many"});
    refused(key, {{"rope_type", "default"}, {"mrope_section", {1, 1}}}, {key, "mrope_section", "[1,1]"});
    refused(key, {{"rope_type", "default"}, {"partial_rotary_factor", 0.5}},
            {key, "partial_rotary_factor", "0.5"});
    refused(key, {{"rope_type", "llama3"}, {"factor", 8}, {"low_freq_factor", 1}}, {key, "high_freq_factor"});
  }
}

TEST(FamilyConfig, RefusesByKeyAndValue) {
  const auto refused = [](Json json, const char* key, const Json& value) {
    json[key] = value;
    expect_refused(json, {key, value.dump()});
  };
  refused(llama_json(), "num_key_value_heads", 4);
  refused(llama_json(), "head_dim", 5);
  refused(llama_json(), "hidden_act", "relu2");
  refused(llama_json(), "model_type", "deberta-v2");
  refused(llama_json(), "model_type", "gemma3_text");
  refused(llama_json(), "quantization_config", {{"bits", 4}});
  refused(modernbert_json(), "mlp_dropout", 0.1);
  refused(modernbert_json(), "classifier_pooling", "max");
  refused(modernbert_json(), "layer_types", {"full_attention"});
  refused(modernbert_json(), "layer_types",
          {"full_attention", "linear_attention", "full_attention", "full_attention"});
  Json qwen = llama_json();
  qwen["model_type"] = "qwen2";
  refused(qwen, "layer_types",
          {"full_attention", "sliding_attention", "full_attention"});  // without a window
  Json gpt2{{"model_type", "gpt2"}, {"n_layer", 1},     {"n_embd", 12},
            {"n_head", 3},          {"n_positions", 9}, {"vocab_size", 9}};
  EXPECT_EQ(read(gpt2).inner, 48);
  refused(gpt2, "scale_attn_by_inverse_layer_idx", true);
  refused(gpt2, "scale_attn_weights", false);
  refused(gpt2, "n_head", 5);
}

TEST(FamilyConfig, PositionsOfRobertaBeginAfterThePadding) {
  Json json{{"model_type", "roberta"},        {"num_hidden_layers", 1}, {"hidden_size", 12},
            {"num_attention_heads", 3},       {"intermediate_size", 8}, {"vocab_size", 9},
            {"max_position_embeddings", 514}, {"type_vocab_size", 1}};
  const ModelConfig config = read(json);
  EXPECT_EQ(config.max_positions, 512);
  EXPECT_EQ(config.position_offset, 2);
  EXPECT_EQ(config.to_json()["max_position_embeddings"], 514);
  json["max_position_embeddings"] = 2;
  expect_refused(json, {"max_position_embeddings", "2"});
}

TEST(FamilyConfig, MpnetHasABiasByDistance) {
  Json json{
      {"model_type", "mpnet"},          {"num_hidden_layers", 1}, {"hidden_size", 12},
      {"num_attention_heads", 3},       {"intermediate_size", 8}, {"vocab_size", 9},
      {"max_position_embeddings", 514}, {"pad_token_id", 1},      {"relative_attention_num_buckets", 32},
      {"hidden_dropout_prob", 0.3}};
  const ModelConfig config = read(json);
  EXPECT_TRUE(config.distance_bias);
  EXPECT_EQ(config.segments, 0);
  EXPECT_EQ(config.max_positions, 512);
  EXPECT_EQ(config.position_offset, 2);
  EXPECT_FLOAT_EQ(config.head_dropout, 0.3f);
  EXPECT_EQ(read(config.to_json()).to_json(), config.to_json());
  Json other = json;
  other["pad_token_id"] = 0;
  expect_refused(other, {"pad_token_id", "0"});
  other = json;
  other["relative_attention_num_buckets"] = 64;
  expect_refused(other, {"relative_attention_num_buckets", "64"});
}

// transformers' MPNetEncoder.relative_position_bucket: where a bucket begins, on either side.
TEST(DistanceBuckets, BeginWhereTheyDoInTransformers) {
  const std::vector<int64_t> starts{0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 23, 32, 46, 64, 91};
  constexpr int64_t span = 601;
  const std::vector<int32_t> buckets = distance_buckets(span);
  ASSERT_EQ(buckets.size(), 1201u);
  for (int64_t distance = 0; distance < span; ++distance) {
    const auto bucket = std::upper_bound(starts.begin(), starts.end(), distance) - starts.begin() - 1;
    EXPECT_EQ(buckets[static_cast<size_t>(span - 1 - distance)], bucket) << distance;
    EXPECT_EQ(buckets[static_cast<size_t>(span - 1 + distance)], bucket + (distance > 0 ? 16 : 0))
        << distance;
  }
  EXPECT_EQ(distance_buckets(1), std::vector<int32_t>{0});
}

TEST(FamilyConfig, WindowsOfLayers) {
  const ModelConfig config = read(modernbert_json());
  EXPECT_EQ(config.windows, (std::vector<int64_t>{0, 6, 6, 0}));  // five on each side, and the token itself
  EXPECT_EQ(config.ropes[0].theta, 1000.0);
  EXPECT_EQ(config.ropes[1].theta, 10000.0);
  Json mistral = llama_json();
  mistral["model_type"] = "mistral";
  EXPECT_EQ(read(mistral).windows, (std::vector<int64_t>{4096, 4096, 4096}));
  mistral["sliding_window"] = nullptr;
  EXPECT_TRUE(read(mistral).windows.empty());
  Json qwen = llama_json();
  qwen["model_type"] = "qwen3";
  qwen["sliding_window"] = 5;
  EXPECT_TRUE(read(qwen).windows.empty());
  EXPECT_EQ(read(qwen).head_size(), 128);
  qwen["use_sliding_window"] = true;
  qwen["max_window_layers"] = 1;
  EXPECT_EQ(read(qwen).windows, (std::vector<int64_t>{0, 5, 5}));
}

TEST(FamilyConfig, FromSettings) {
  ArchitectureSettings settings;
  for (const char* family : {"bert", "distilbert", "modernbert", "gpt2", "llama"}) {
    SCOPED_TRACE(family);
    settings.family = family;
    const ModelConfig config = ModelConfig::from_settings(settings, 321);
    const Json written = config.to_json();
    EXPECT_EQ(read(written).to_json(), written);
    EXPECT_EQ(read(written).windows, config.windows);
    EXPECT_EQ(read(written).activation, config.activation);
  }
  settings.heads = 64;  // heads of 3
  expect_error(ExitCode::bad_config, {"even"}, [&] { ModelConfig::from_settings(settings, 321); });
}

TEST(FamilyParameters, NamesAreThoseOfTheFile) {
  const auto names = [](const std::string& family, HeadInput input) {
    std::string all;
    const ParameterTable table(testing::tiny_family(family), {testing::single_label_head("mood", 2)}, input);
    for (const ParamSpec& spec : table.all()) all += spec.name + "\n";
    return all;
  };
  const std::string gpt2 = names("gpt2", HeadInput::last),
                    modernbert = names("modernbert", HeadInput::pooler);
  EXPECT_NE(gpt2.find("h.1.attn.c_attn.weight\n"), std::string::npos) << gpt2;
  EXPECT_EQ(gpt2.find("heads.mood.bias"), std::string::npos);
  EXPECT_EQ(modernbert.find("layers.0.attn_norm"), std::string::npos)
      << "the first layer reads the embeddings' norm";
  EXPECT_NE(modernbert.find("layers.1.attn_norm.weight\n"), std::string::npos) << modernbert;
  EXPECT_EQ(modernbert.find("bias\nlayers"), std::string::npos);
  const ParameterTable llama(testing::tiny_family("llama"), {});
  const ParamSpec& qkv = llama.find("layers.1.self_attn.qkv_proj.weight");
  EXPECT_EQ(qkv.dims, (std::vector<int64_t>{20, 12}));  // three queries, a key and a value of 4
  ASSERT_EQ(qkv.parts.size(), 3u);
  EXPECT_EQ(qkv.parts[2].name, "layers.1.self_attn.v_proj.weight");
  EXPECT_EQ(qkv.parts[2].rows, 4);
}

}  // namespace
}  // namespace limner
