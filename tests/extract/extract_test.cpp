// Whole extractions on the synthetic set.
#include "extract/extract.h"

#include <array>
#include <cmath>

#include "extract/plan.h"
#include "tests/extract/checkpoint_for_extract.h"
#include "text/batcher.h"

namespace limner::testing {
namespace {

class ExtractTest : public ::testing::Test {
 protected:
  ExtractTest() : synthetic(folder.path(), {.rows = 230}) {
    write_checkpoint(synthetic.run().checkpoints() / "best");
  }
  fs::path embeddings() { return synthetic.run().embeddings(); }
  fs::path shard(int64_t first, int64_t rows) { return embeddings() / "shards" / shard_name(first, rows); }
  TemporaryFolder folder;
  SyntheticRun synthetic;
};

// Each row alone through the model, with plain code, gives what the packed extraction gave.
TEST_F(ExtractTest, RowsAreThoseOfTheModelInTheirOrder) {
  extract(synthetic.run());
  const EmbeddingsReader reader(embeddings(), EmbeddingsReader::Verify::hashes);
  ASSERT_EQ(reader.rows(), 230);
  ASSERT_EQ(reader.width(), 32);

  const fs::path checkpoint = synthetic.run().checkpoints() / "best";
  const Tokenizer tokenizer = Tokenizer::load(checkpoint);
  HeadInput input = HeadInput::pooler;
  const std::vector<HeadSpec> heads = read_heads(checkpoint, input);
  const auto backend = make_cpu_backend(1);
  Model model(*backend, ModelConfig::read(checkpoint), heads, input, DType::f32);
  model.load(checkpoint);
  model.plan(Purpose::inference, 16, 1);
  const PreparedTable table = synthetic_table({.rows = 230});
  std::vector<float> vectors = all_embeddings(embeddings()), stars(230), sentiment(460);
  reader.predictions("stars", 0, 230, stars.data());
  reader.predictions("sentiment", 0, 230, sentiment.data());
  const std::vector<int32_t> tokens = reader.tokens(0, 230);
  for (int64_t row = 0; row < 230; row += 7) {
    const auto at = static_cast<size_t>(row);
    const std::vector<int32_t> ids = tokenizer.encode(table.texts[at], 16);
    EXPECT_EQ(tokens[at], static_cast<int32_t>(ids.size()));
    const Batch batch = pack({0}, {ids}, std::vector<int64_t>{row});
    const Model::Output output = model.forward(batch, Purpose::inference);
    const auto predictions = model.predictions(output);
    const float* pooled = model.pooled(batch, Pooling::mean, true).as<float>();
    double length = 0.0;
    for (size_t i = 0; i < 32; ++i) {
      EXPECT_NEAR(vectors[at * 32 + i], pooled[i], 1e-5) << "row " << row << " column " << i;
      length += static_cast<double>(vectors[at * 32 + i]) * vectors[at * 32 + i];
    }
    EXPECT_NEAR(length, 1.0, 1e-5);
    EXPECT_NEAR(sentiment[2 * at + 1], predictions[0][1], 1e-5);
    EXPECT_NEAR(stars[at], predictions[1][0], 1e-4);
    EXPECT_NEAR(sentiment[2 * at] + sentiment[2 * at + 1], 1.0f, 1e-5);
  }
}

TEST_F(ExtractTest, WholeShardsAreKeptOthersAreMadeAgain) {
  extract(synthetic.run());
  const std::vector<float> expected = all_embeddings(embeddings());
  const int64_t rows =
      EmbeddingsReader(embeddings(), EmbeddingsReader::Verify::sizes).provenance().rows_per_shard;
  ASSERT_LT(rows * 2, 230);
  const auto kept = fs::last_write_time(shard(0, rows));
  fs::resize_file(shard(rows, rows), fs::file_size(shard(rows, rows)) / 2);
  fs::remove(embeddings() / "manifest.json");
  extract(synthetic.run());
  EXPECT_EQ(fs::last_write_time(shard(0, rows)), kept);
  EXPECT_EQ(all_embeddings(embeddings()), expected);
}

TEST_F(ExtractTest, AnotherModelReplacesEverything) {
  extract(synthetic.run());
  const std::vector<float> before = all_embeddings(embeddings());
  write_checkpoint(synthetic.run().checkpoints() / "best", 4);
  extract(synthetic.run());
  const std::vector<float> after = all_embeddings(embeddings());
  EXPECT_NE(after, before);
  TemporaryFolder fresh_folder;
  SyntheticRun fresh(fresh_folder.path(), {.rows = 230});
  write_checkpoint(fresh.run().checkpoints() / "best", 4);
  extract(fresh.run());
  EXPECT_EQ(after, all_embeddings(fresh.run().embeddings()));
}

TEST_F(ExtractTest, ShardsOfOtherRangesAreRemoved) {
  extract(synthetic.run());
  synthetic.settings().extract.rows_per_shard = 20;
  extract(synthetic.run());
  int64_t rows = 0;
  for (const auto& entry : fs::directory_iterator(embeddings() / "shards"))
    rows += entry.is_regular_file() ? 1 : 0;
  EXPECT_EQ(rows, 12);
}

TEST_F(ExtractTest, WhatAKilledProcessLeftIsRemoved) {
  extract(synthetic.run());
  const fs::path left[] = {embeddings() / "embeddings.h5.tmp-host-1", shard(0, 64).string() + ".tmp-host-1"};
  for (const fs::path& path : left) write_file(path, "half");
  extract(synthetic.run());
  for (const fs::path& path : left) EXPECT_FALSE(fs::exists(path)) << path;
  // Another part of the rows may be writing it just now.
  for (const fs::path& path : left) write_file(path, "half");
  synthetic.settings().extract.parts = 2;
  extract(synthetic.run());
  for (const fs::path& path : left) EXPECT_TRUE(fs::exists(path)) << path;
}

TEST_F(ExtractTest, SettingsDecideVectors) {
  extract(synthetic.run());
  const std::vector<float> mean = all_embeddings(embeddings());
  synthetic.settings().extract.pooling = "cls";
  extract(synthetic.run());
  const std::vector<float> cls = all_embeddings(embeddings());
  EXPECT_NE(cls, mean);
  synthetic.settings().extract.normalize.value = false;
  synthetic.settings().extract.dtype = "float16";
  extract(synthetic.run());
  const EmbeddingsReader reader(embeddings(), EmbeddingsReader::Verify::hashes);
  EXPECT_EQ(reader.provenance().dtype, "float16");
  EXPECT_FALSE(reader.provenance().normalize);
  double length = 0.0;
  const std::vector<float> plain = all_embeddings(embeddings());
  for (size_t i = 0; i < 32; ++i) length += static_cast<double>(plain[i]) * plain[i];
  EXPECT_GT(std::abs(length - 1.0), 0.01);
  // The direction is that of the normalised vector, up to float16.
  for (size_t i = 0; i < 32; ++i) EXPECT_NEAR(plain[i] / std::sqrt(length), cls[i], 2e-3);
}

// Cut, then scaled; the dense layer before both.
TEST_F(ExtractTest, DenseLayersAndDimensions) {
  synthetic.settings().extract.normalize.value = false;
  extract(synthetic.run());
  const std::vector<float> pooled = all_embeddings(embeddings());
  SentenceConfig sentence;
  DenseLayer& layer = sentence.layers.emplace_back();
  layer.in = 32;
  layer.out = 5;
  for (size_t i = 0; i < 160; ++i) layer.weight.push_back(0.01f * static_cast<float>(i % 37) - 0.2f);
  layer.bias = {0.1f, -0.2f, 0.3f, -0.4f, 0.5f};
  write_checkpoint(synthetic.run().checkpoints() / "best", 3, 16, sentence);
  synthetic.settings().extract.normalize.value = true;
  synthetic.settings().extract.dimensions.value = 3;
  extract(synthetic.run());
  const EmbeddingsReader reader(embeddings(), EmbeddingsReader::Verify::hashes);
  EXPECT_EQ(reader.width(), 3);
  EXPECT_EQ(reader.provenance().full_width, 5);
  const std::vector<float> vectors = all_embeddings(embeddings());
  for (size_t row = 0; row < 230; ++row) {
    std::array<double, 3> expected{};
    double squares = 0.0;
    for (size_t i = 0; i < 3; ++i) {
      double sum = layer.bias[i];
      for (size_t j = 0; j < 32; ++j)
        sum += static_cast<double>(layer.weight[i * 32 + j]) * pooled[row * 32 + j];
      expected[i] = std::tanh(sum);
      squares += expected[i] * expected[i];
    }
    for (size_t i = 0; i < 3; ++i)
      EXPECT_NEAR(vectors[row * 3 + i], expected[i] / std::sqrt(squares), 1e-5) << row;
  }
  synthetic.settings().extract.dimensions.value = 6;
  expect_error(ExitCode::bad_config, {"extract.dimensions", "6", "5"}, [&] { extract(synthetic.run()); });
}

TEST_F(ExtractTest, PromptStandsBeforeEveryText) {
  extract(synthetic.run());
  const std::vector<float> plain = all_embeddings(embeddings());
  SentenceConfig sentence;
  sentence.prompts = {{"query", "good "}};
  sentence.default_prompt = "query";
  const fs::path checkpoint = synthetic.run().checkpoints() / "best";
  write_checkpoint(checkpoint, 3, 16, sentence);
  extract(synthetic.run());
  const EmbeddingsReader reader(embeddings(), EmbeddingsReader::Verify::hashes);
  EXPECT_EQ(reader.provenance().prompt, "good ");
  EXPECT_NE(all_embeddings(embeddings()), plain);
  const Tokenizer tokenizer = Tokenizer::load(checkpoint);
  const PreparedTable table = synthetic_table({.rows = 230});
  const std::vector<int32_t> tokens = reader.tokens(0, 230);
  for (size_t row = 0; row < 230; ++row) {
    EXPECT_EQ(tokens[row], static_cast<int32_t>(tokenizer.encode("good " + table.texts[row], 16).size()));
  }
  synthetic.settings().model.prompt = "";
  extract(synthetic.run());
  EXPECT_EQ(all_embeddings(embeddings()), plain);
}

TEST_F(ExtractTest, Refusals) {
  synthetic.settings().extract.checkpoint = "last";
  expect_error(ExitCode::missing_input, {"limner train"}, [&] { extract(synthetic.run()); });
  synthetic.settings().extract.checkpoint = "nowhere/model";
  expect_error(ExitCode::missing_input, {"nowhere/model"}, [&] { extract(synthetic.run()); });
  synthetic.settings().extract.checkpoint = "best";
  synthetic.settings().model.max_length.value = 33;
  expect_error(ExitCode::bad_config, {"model.max_length", "32"}, [&] { extract(synthetic.run()); });
  fs::remove(synthetic.run().prepared());
  expect_error(ExitCode::missing_input, {"prepared.h5"}, [&] { extract(synthetic.run()); });
  EXPECT_FALSE(fs::exists(embeddings()));
}

TEST_F(ExtractTest, TruncatedWeightsLeaveNothingBehind) {
  const fs::path weights = synthetic.run().checkpoints() / "best" / "model.safetensors";
  fs::resize_file(weights, fs::file_size(weights) - 10);
  expect_error(ExitCode::bad_data, {"model.safetensors"}, [&] { extract(synthetic.run()); });
  EXPECT_FALSE(fs::exists(embeddings() / "manifest.json"));
}

TEST_F(ExtractTest, LastIsTheNewestStep) {
  write_checkpoint(synthetic.run().checkpoints() / "step-00000009", 5);
  write_checkpoint(synthetic.run().checkpoints() / "step-00000010", 6);
  synthetic.settings().extract.checkpoint = "last";
  EXPECT_EQ(plan_extraction(synthetic.run()).checkpoint.filename(), "step-00000010");
}

TEST_F(ExtractTest, ForecastIsWhatThenHappens) {
  const ExtractForecast forecast = forecast_extract(synthetic.run());
  EXPECT_FALSE(fs::exists(embeddings()));
  extract(synthetic.run());
  const EmbeddingsReader reader(embeddings(), EmbeddingsReader::Verify::sizes);
  int64_t tokens = 0;
  for (const int32_t length : reader.tokens(0, reader.rows())) tokens += length;
  EXPECT_EQ(forecast.rows, reader.rows());
  EXPECT_EQ(forecast.tokens, tokens);
}

TEST(ShardRows, DependOnTheTableAlone) {
  EXPECT_EQ(shard_rows(62774, 65536), 1024);
  EXPECT_EQ(shard_rows(5050, 65536), 128);
  EXPECT_EQ(shard_rows(5, 65536), 64);
  EXPECT_EQ(shard_rows(100000000, 65536), 65536);
  EXPECT_EQ(shard_rows(62774, 500), 500);
  EXPECT_EQ(shard_rows(62774, 16), 16);
}

}  // namespace
}  // namespace limner::testing
