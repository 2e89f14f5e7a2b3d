// Decoders of other families go the demo's whole way, from scratch to profiles.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

#include "runtime/files.h"
#include "tests/cli/program.h"

namespace limner::testing {
namespace {

class Families : public ::testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(Families, GoThroughAWholeRun) {
  const auto& [family, classifier] = GetParam();
  const Scratch scratch;
  const Outcome data = limner::testing::limner(scratch.path(), "demo-data data/demo customers=60");
  ASSERT_EQ(data.exit_code, 0) << data.output;
  const char* const source = std::getenv("LIMNER_SOURCE");
  ASSERT_NE(source, nullptr);
  const Outcome run = limner::testing::limner(
      scratch.path(),
      std::string("run ") + source +
          "/configs/demo.yaml run.directory=run runtime.device=cpu runtime.precision=f32 runtime.threads=1"
          " model.architecture.layers=1 model.architecture.hidden=48 model.architecture.heads=4"
          " model.architecture.inner=96 model.vocabulary.size=600 train.learning_rate=3e-3"
          " model.architecture.family=" +
          family);
  ASSERT_EQ(run.exit_code, 0) << run.output;
  EXPECT_EQ(read_json(scratch / "run/checkpoints/best/config.json")["architectures"][0], classifier);

  // Of a hundred test rows' two sentiments and five categories.
  const Json summary = read_json(scratch / "run/train/summary.json");
  std::map<std::string, double> accuracy;
  for (const Json& head : summary["test"]["heads"]) {
    accuracy[head["name"].get<std::string>()] = head["accuracy"].get<double>();
  }
  EXPECT_GT(accuracy["sentiment"], 0.7);
  EXPECT_GT(accuracy["category"], 0.3);

  std::ifstream profiles(scratch / "run/profile/profiles.jsonl");
  size_t customers = 0;
  for (std::string line; std::getline(profiles, line); ++customers) {
    const Json predictions = Json::parse(line)["predictions"];
    EXPECT_EQ(predictions["sentiment"].size(), 2u) << line;
    EXPECT_EQ(predictions["category"].size(), 5u) << line;
  }
  EXPECT_EQ(customers, 60u);
  EXPECT_THAT(read(scratch / "run/profile/report.html"), ::testing::HasSubstr("</html>"));
}

INSTANTIATE_TEST_SUITE_P(Decoders, Families,
                         ::testing::Values(std::pair("gpt2", "GPT2ForSequenceClassification"),
                                           std::pair("llama", "LlamaForSequenceClassification")),
                         [](const auto& parameters) { return std::string(parameters.param.first); });

}  // namespace
}  // namespace limner::testing
