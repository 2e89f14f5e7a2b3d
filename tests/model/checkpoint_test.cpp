// Hugging Face folders out and in.
#include <cstring>

#include "model/safetensors.h"
#include "model/weight_files.h"
#include "tests/model/model_testing.h"

namespace limner {
namespace {

using testing::expect_error;
using testing::make_model;
using testing::regression_head;
using testing::shake_weights;
using testing::single_label_head;
using testing::TemporaryFolder;
using testing::tiny_config;

SentenceConfig with_length(int64_t tokens) {
  SentenceConfig sentence;
  sentence.max_length = tokens;
  return sentence;
}

class Checkpoint : public ::testing::Test {
 protected:
  void save(Model& model) { save_model(model, folder_.path(), with_length(17)); }

  Model load(HeadInput* input_read = nullptr) {
    HeadInput input = HeadInput::mean;
    const std::vector<HeadSpec> heads = read_heads(folder_.path(), input);
    if (input_read != nullptr) *input_read = input;
    Model model(*backend_, ModelConfig::read(folder_.path()), heads, input, DType::f32);
    missing_ = model.load(folder_.path());
    return model;
  }

  // The tensors of model.safetensors, changed by `edit`, written again (shapes are kept by name).
  using Tensors = std::map<std::string, std::pair<std::vector<int64_t>, std::vector<float>>>;
  Tensors read_tensors() const {
    const WeightFiles files(folder_.path());
    Tensors tensors;
    for (const std::string& name : files.names()) {
      auto& [dims, values] = tensors[name];
      dims = files.entry(name).dims;
      values.resize(static_cast<size_t>(files.entry(name).elements()));
      files.read(name, values);
    }
    return tensors;
  }
  void write_tensors(Tensors tensors, const std::string& file = "model.safetensors") const {
    std::vector<NamedTensor> list;
    for (auto& [name, tensor] : tensors) {
      auto& [dims, values] = tensor;
      list.push_back({name, dims.size() == 1 ? Tensor(values.data(), DType::f32, {dims[0]})
                                             : Tensor(values.data(), DType::f32, {dims[0], dims[1]})});
    }
    write_safetensors(folder_ / file, list);
  }
  static void rename(Tensors& tensors, const std::string& from, const std::string& to) {
    auto node = tensors.extract(from);
    ASSERT_FALSE(node.empty()) << from;
    node.key() = to;
    tensors.insert(std::move(node));
  }

  TemporaryFolder folder_;
  std::unique_ptr<Backend> backend_ = make_cpu_backend(1);
  std::vector<std::string> missing_;
};

void expect_same_bytes(const Model& a, const Model& b) {
  const std::vector<float> left = a.download_weights(), right = b.download_weights();
  ASSERT_EQ(left.size(), right.size());
  EXPECT_EQ(std::memcmp(left.data(), right.data(), left.size() * sizeof(float)), 0);
}

TEST_F(Checkpoint, RoundTripIsByteEqual) {
  Model model = make_model(*backend_, {single_label_head("sentiment", 3), single_label_head("category", 5)});
  shake_weights(model);
  save(model);
  HeadInput input = HeadInput::mean;
  const Model back = load(&input);
  EXPECT_EQ(input, HeadInput::pooler);
  EXPECT_TRUE(missing_.empty());
  expect_same_bytes(model, back);

  const Json config = read_json(folder_ / "config.json");
  EXPECT_EQ(config["architectures"], Json::array({"BertForSequenceClassification"}));
  EXPECT_EQ(config["id2label"]["2"], "class 2");
  EXPECT_EQ(config["label2id"]["class 1"], 1);
  EXPECT_EQ(config["problem_type"], "single_label_classification");
  const WeightFiles files(folder_.path());
  for (const char* name : {"bert.encoder.layer.1.attention.self.key.weight", "bert.pooler.dense.bias",
                           "classifier.weight", "heads.category.bias"}) {
    EXPECT_TRUE(files.has(name)) << name;
  }
  EXPECT_TRUE(SentenceConfig::read(folder_.path()).present);
}

TEST_F(Checkpoint, EveryFamilyRoundTrips) {
  for (const std::string& family : testing::all_families()) {
    SCOPED_TRACE(family);
    const TemporaryFolder folder;
    const HeadInput input = testing::usual_input(family);
    ModelConfig config = testing::tiny_family(family);
    // What config.json would have said.
    config.source = Json::object();
    if (family == "mistral") config.source["sliding_window"] = 4;
    if (family == "qwen3") config.source["head_dim"] = 6;
    if (config.norm == NormKind::rms) config.source["num_key_value_heads"] = 1;
    if (family == "modernbert") {
      config.source["local_attention"] = 4;
      config.source["layer_types"] = {"full_attention", "sliding_attention"};
    }
    if (family == "roberta" || family == "mpnet") config.source["pad_token_id"] = config.pad_id;
    Model model = make_model(*backend_, {single_label_head("sentiment", 3), single_label_head("category", 5)},
                             input, DType::f32, config);
    shake_weights(model);
    save_model(model, folder.path(), with_length(17));
    HeadInput recorded = HeadInput::mean;
    const std::vector<HeadSpec> heads = read_heads(folder.path(), recorded);
    EXPECT_EQ(recorded, input);
    const ModelConfig read = ModelConfig::read(folder.path());
    EXPECT_EQ(read.windows, config.windows);
    Model back(*backend_, read, heads, recorded, DType::f32);
    EXPECT_TRUE(back.load(folder.path()).empty());
    expect_same_bytes(model, back);
    const std::string architecture = read_json(folder / "config.json")["architectures"][0];
    EXPECT_TRUE(architecture.ends_with("ForSequenceClassification")) << architecture;
  }
}

TEST_F(Checkpoint, DecodersRegressionKeepsItsMeanInTheRecord) {
  Model model = make_model(*backend_, {regression_head("spend", 40.0, 8.0)}, HeadInput::last, DType::f32,
                           testing::tiny_family("gpt2"));
  save(model);
  const float weight =
      model.download_weights()[static_cast<size_t>(model.parameters().find("heads.spend.weight").offset)];
  EXPECT_FLOAT_EQ(read_tensors()["score.weight"].second[0], 8.0f * weight);
  EXPECT_FALSE(WeightFiles(folder_.path()).has("score.bias"));
  const Model back = load();
  EXPECT_EQ(back.heads()[0].target_mean, 40.0);
}

TEST_F(Checkpoint, HeadsRoundTrip) {
  HeadSpec weighted = single_label_head("churn", 2);
  weighted.class_weight = {0.25f, 1.5f};
  weighted.weight = 0.1;
  Model model = make_model(*backend_, {weighted, regression_head("spend", 41.5, 3.25)}, HeadInput::max);
  save(model);
  HeadInput input = HeadInput::pooler;
  const std::vector<HeadSpec> heads = read_heads(folder_.path(), input);
  EXPECT_EQ(input, HeadInput::max);
  ASSERT_EQ(heads.size(), 2u);
  EXPECT_EQ(heads[0].classes, weighted.classes);
  EXPECT_EQ(heads[0].class_weight, weighted.class_weight);
  EXPECT_EQ(heads[0].weight, 0.1);
  EXPECT_EQ(heads[1].kind, "regression");
  EXPECT_EQ(heads[1].target_mean, 41.5);
  EXPECT_EQ(heads[1].target_scale, 3.25);
  // Not the classifier of Hugging Face, which reads the pooler.
  EXPECT_EQ(read_json(folder_ / "config.json")["architectures"], Json::array({"BertModel"}));
  EXPECT_TRUE(WeightFiles(folder_.path()).has("heads.churn.weight"));
  EXPECT_TRUE(WeightFiles(folder_.path()).has("encoder.layer.0.output.dense.weight"));
}

TEST_F(Checkpoint, RegressionIsWrittenInTheTargetsUnit) {
  Model model = make_model(*backend_, {regression_head("spend", 40.0, 8.0)});
  shake_weights(model);
  save(model);
  const ParamSpec& spec = model.parameters().find("heads.spend.bias");
  const float bias = model.download_weights()[static_cast<size_t>(spec.offset)];
  EXPECT_FLOAT_EQ(read_tensors()["classifier.bias"].second[0], 40.0f + 8.0f * bias);
  EXPECT_EQ(read_json(folder_ / "config.json")["problem_type"], "regression");
  EXPECT_EQ(read_json(folder_ / "config.json")["id2label"], (Json{{"0", "spend"}}));
  const Model back = load();
  const std::vector<float> before = model.download_weights(), after = back.download_weights();
  for (size_t index = 0; index < before.size(); ++index)
    ASSERT_NEAR(after[index], before[index], 1e-6) << index;
}

TEST_F(Checkpoint, WithoutHeadsOrPooler) {
  Model model = make_model(*backend_, {}, HeadInput::mean);
  save(model);
  const Model back = load();
  EXPECT_FALSE(back.config().has_pooler);
  EXPECT_TRUE(back.heads().empty());
  expect_same_bytes(model, back);
  EXPECT_TRUE(WeightFiles(folder_.path()).has("embeddings.word_embeddings.weight"));
}

TEST_F(Checkpoint, OtherFormsOfTheSameWeights) {
  Model model = make_model(*backend_, {single_label_head("sentiment", 3)});
  shake_weights(model);
  save(model);
  const Tensors tensors = read_tensors();

  Tensors legacy = tensors;
  rename(legacy, "bert.embeddings.LayerNorm.weight", "bert.embeddings.LayerNorm.gamma");
  rename(legacy, "bert.encoder.layer.1.output.LayerNorm.bias", "bert.encoder.layer.1.output.LayerNorm.beta");
  legacy["bert.embeddings.position_ids"] = {{17}, std::vector<float>(17)};
  legacy["cls.predictions.bias"] = {{29}, std::vector<float>(29)};
  write_tensors(legacy);
  expect_same_bytes(model, load());

  Tensors bare;
  for (const auto& [name, tensor] : tensors) bare[name.starts_with("bert.") ? name.substr(5) : name] = tensor;
  write_tensors(bare);
  expect_same_bytes(model, load());

  Tensors first, second;
  Json weight_map = Json::object();
  for (const auto& [name, tensor] : tensors) {
    const bool odd = weight_map.size() % 2 == 1;
    (odd ? second : first)[name] = tensor;
    weight_map[name] = odd ? "b.safetensors" : "a.safetensors";
  }
  write_tensors(first, "a.safetensors");
  write_tensors(second, "b.safetensors");
  write_json(folder_ / "model.safetensors.index.json", {{"weight_map", weight_map}});
  fs::remove(folder_ / "model.safetensors");
  const Model sharded = load();
  EXPECT_TRUE(sharded.config().has_pooler);
  expect_same_bytes(model, sharded);
}

TEST_F(Checkpoint, WrongTensorsAreNamed) {
  Model model = make_model(*backend_, {single_label_head("sentiment", 3)});
  save(model);
  const Tensors tensors = read_tensors();
  const auto expect_refused = [&](const Tensors& changed, const std::vector<std::string>& words) {
    write_tensors(changed);
    expect_error(ExitCode::bad_data, words, [&] { load(); });
  };
  Tensors changed = tensors;
  changed["bert.encoder.layer.0.intermediate.dense.weight"] = {{18, 12}, std::vector<float>(216)};
  expect_refused(changed, {"model.safetensors", "intermediate.dense.weight", "[18, 12]", "[19, 12]"});
  changed = tensors;
  changed.erase("bert.encoder.layer.1.attention.self.value.bias");
  expect_refused(changed, {"bert.encoder.layer.1.attention.self.value.bias", "missing"});
  changed = tensors;
  changed.erase("classifier.weight");  // promised by config.json
  expect_refused(changed, {"classifier.weight", "missing"});
  changed = tensors;
  changed["bert.encoder.layer.2.output.dense.bias"] = {{12}, std::vector<float>(12)};
  expect_refused(changed, {"bert.encoder.layer.2.output.dense.bias", "config.json"});
  changed = tensors;
  rename(changed, "bert.embeddings.word_embeddings.weight", "model.embeddings.weight");
  expect_refused(changed, {"embeddings.word_embeddings.weight"});
}

TEST_F(Checkpoint, NewHeadsKeepTheirInitialisation) {
  Model saved = make_model(*backend_, {single_label_head("sentiment", 3)}, HeadInput::mean);
  save(saved);
  Model model = make_model(*backend_, {single_label_head("category", 4), single_label_head("sentiment", 3)},
                           HeadInput::pooler, DType::f32, tiny_config(), 99);
  const std::vector<float> before = model.download_weights();
  expect_error(ExitCode::bad_data, {"sentiment", "mean", "pooler"}, [&] { model.load(folder_.path()); });

  Model fitting = make_model(*backend_, {single_label_head("category", 4), single_label_head("sentiment", 3)},
                             HeadInput::mean, DType::f32, tiny_config(), 99);
  EXPECT_EQ(fitting.load(folder_.path()),
            (std::vector<std::string>{"heads.category.weight", "heads.category.bias"}));

  Model other = make_model(*backend_, {single_label_head("sentiment", 2)}, HeadInput::mean);
  expect_error(ExitCode::bad_data, {"sentiment", "class 2"}, [&] { other.load(folder_.path()); });

  Model pooling = make_model(*backend_, {single_label_head("region", 2)}, HeadInput::pooler);
  EXPECT_EQ(pooling.load(folder_.path()),
            (std::vector<std::string>{"pooler.dense.weight", "pooler.dense.bias", "heads.region.weight",
                                      "heads.region.bias"}));
}

TEST_F(Checkpoint, PlainClassifierOfHuggingFace) {
  Model model = make_model(*backend_, {single_label_head("sentiment", 3)});
  save(model);
  Json config = read_json(folder_ / "config.json");
  config.erase("limner");
  write_json(folder_ / "config.json", config);
  HeadInput input = HeadInput::mean;
  std::vector<HeadSpec> heads = read_heads(folder_.path(), input);
  ASSERT_EQ(heads.size(), 1u);
  EXPECT_EQ(input, HeadInput::pooler);
  EXPECT_EQ(heads[0].kind, "single_label");
  EXPECT_EQ(heads[0].classes, model.heads()[0].classes);

  for (const char* key : {"id2label", "label2id", "problem_type"}) config.erase(key);
  write_json(folder_ / "config.json", config);
  heads = read_heads(folder_.path(), input);
  ASSERT_EQ(heads.size(), 1u);
  EXPECT_EQ(heads[0].classes, (std::vector<std::string>{"LABEL_0", "LABEL_1", "LABEL_2"}));
  const Model back = load();
  EXPECT_TRUE(missing_.empty());
  EXPECT_EQ(back.download_weights(), model.download_weights());

  config["problem_type"] = "ranking";
  write_json(folder_ / "config.json", config);
  expect_error(ExitCode::bad_data, {"problem_type", "ranking"}, [&] { read_heads(folder_.path(), input); });
  config["id2label"] = {{"0", "a"}, {"2", "b"}};
  write_json(folder_ / "config.json", config);
  expect_error(ExitCode::bad_data, {"id2label"}, [&] { read_heads(folder_.path(), input); });
}

TEST_F(Checkpoint, BrokenRecordOfHeads) {
  Model model = make_model(*backend_, {single_label_head("sentiment", 3)});
  save(model);
  const Json config = read_json(folder_ / "config.json");
  HeadInput input = HeadInput::mean;
  const auto expect_refused = [&](const char* path, const Json& value) {
    Json changed = config;
    changed["limner"][Json::json_pointer(path)] = value;
    write_json(folder_ / "config.json", changed);
    expect_error(ExitCode::bad_data, {}, [&] { read_heads(folder_.path(), input); });
  };
  expect_refused("/format_version", 2);
  expect_refused("/head_input", "nose");
  expect_refused("/heads", "none");
  expect_refused("/heads/0/kind", "guess");
  expect_refused("/heads/0/classes", 3);
  expect_refused("/heads/0/position", 1);
  expect_refused("/heads/0/weight", "heavy");
}

TEST_F(Checkpoint, HashNamesWhatDecidesTheOutputs) {
  Model model = make_model(*backend_, {});
  save(model);
  const std::string first = checkpoint_sha256(folder_.path());
  EXPECT_EQ(first.size(), 64u);
  EXPECT_EQ(checkpoint_sha256(folder_.path()), first);
  Tensors tensors = read_tensors();
  tensors["embeddings.LayerNorm.bias"].second[0] += 1.0f;
  write_tensors(tensors);
  EXPECT_NE(checkpoint_sha256(folder_.path()), first);
}

}  // namespace
}  // namespace limner
