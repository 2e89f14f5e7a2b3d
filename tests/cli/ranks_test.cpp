// The same answer for any number of ranks: splits, counts, vectors and metrics.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "extract/shards.h"
#include "runtime/files.h"
#include "tests/cli/program.h"

namespace limner::testing {
namespace {

std::vector<float> embedding(const fs::path& folder) {
  const EmbeddingsReader reader(folder, EmbeddingsReader::Verify::hashes);
  std::vector<float> values(static_cast<size_t>(reader.rows() * reader.width()));
  reader.embeddings(0, reader.rows(), values.data());
  return values;
}

class Ranks : public ::testing::TestWithParam<int> {
 protected:
  static void SetUpTestSuite() {
    scratch = new Scratch;
    scratch->write("reviews.csv", small_reviews(40, 600));
    scratch->write("config.yaml", small_config());
    const Outcome outcome =
        limner::testing::limner(scratch->path(), "run config.yaml run.directory=one train.logging_steps=1");
    ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  }
  static void TearDownTestSuite() { delete scratch; }
  static Scratch* scratch;
};
Scratch* Ranks::scratch = nullptr;

TEST_P(Ranks, GiveTheSameAnswer) {
  const int ranks = GetParam();
  const std::string name = "ranks" + std::to_string(ranks);
  const Outcome whole = limner::testing::limner(
      scratch->path(), "run config.yaml run.directory=" + name + " train.logging_steps=1", ranks);
  ASSERT_EQ(whole.exit_code, 0) << whole.output;
  EXPECT_EQ(read(*scratch / "one/prepared/prepared.h5"), read(*scratch / (name + "/prepared/prepared.h5")));

  const std::vector<double> expected = training_losses(*scratch / "one/train/metrics.jsonl");
  const std::vector<double> losses = training_losses(*scratch / (name + "/train/metrics.jsonl"));
  ASSERT_EQ(losses.size(), expected.size());
  ASSERT_GT(losses.size(), 10U);
  for (size_t step = 0; step < std::min<size_t>(100, losses.size()); ++step) {
    EXPECT_LE(std::abs(losses[step] - expected[step]), 1e-5 * std::abs(expected[step])) << "step " << step;
  }

  // One checkpoint, extracted by other numbers of ranks: the same bytes.
  for (const char* folder : {"prepared", "checkpoints"}) {
    fs::remove_all(*scratch / (name + "-again/") / folder);
    fs::create_directories(*scratch / (name + "-again"));
    fs::copy(*scratch / "one" / folder, *scratch / (name + "-again/") / folder, fs::copy_options::recursive);
  }
  const Outcome extracted =
      limner::testing::limner(scratch->path(), "extract config.yaml run.directory=" + name + "-again", ranks);
  ASSERT_EQ(extracted.exit_code, 0) << extracted.output;
  const std::vector<float> one = embedding(*scratch / "one/embeddings"),
                           many = embedding(*scratch / (name + "-again/embeddings"));
  ASSERT_EQ(one.size(), many.size());
  EXPECT_EQ(std::memcmp(one.data(), many.data(), one.size() * sizeof(float)), 0);
}

INSTANTIATE_TEST_SUITE_P(Any, Ranks, ::testing::Values(2, 3, 4));

TEST(Run, SkipsWhatHasNotChanged) {
  Scratch scratch;
  scratch.write("reviews.csv", small_reviews(40, 300));
  scratch.write("config.yaml", small_config());
  ASSERT_EQ(limner::testing::limner(scratch.path(), "run config.yaml").exit_code, 0);
  const Outcome again = limner::testing::limner(scratch.path(), "run config.yaml");
  EXPECT_EQ(again.exit_code, 0);
  for (const char* stage : {"prepare", "train", "extract", "profile"}) {
    EXPECT_THAT(again.output,
                ::testing::HasSubstr(std::string(stage) + ": inputs and settings unchanged, skipped"));
  }
  const Outcome changed = limner::testing::limner(scratch.path(), "run config.yaml profile.segments.k=3");
  EXPECT_EQ(changed.exit_code, 0) << changed.output;
  EXPECT_THAT(changed.output, ::testing::HasSubstr("extract: inputs and settings unchanged, skipped"));
  EXPECT_THAT(changed.output, ::testing::Not(::testing::HasSubstr("profile: inputs and settings unchanged")));
  // The words in a file that the settings name are inputs too.
  const auto with_words = [&](const std::string& line) {
    scratch.write("words.txt", line);
    return limner::testing::limner(scratch.path(), "run config.yaml profile.words.lexicon=words.txt").output;
  };
  const std::string skipped = "profile: inputs and settings unchanged";
  with_words("splendid\t1\n");
  EXPECT_THAT(with_words("splendid\t1\n"), ::testing::HasSubstr(skipped));
  EXPECT_THAT(with_words("splendid\t0.5\n"), ::testing::Not(::testing::HasSubstr(skipped)));
  const Outcome verified = limner::testing::limner(scratch.path(), "verify run");
  EXPECT_EQ(verified.exit_code, 0) << verified.output;
  // One byte of a shard turned over is found.
  for (const auto& entry : fs::directory_iterator(scratch / "run/embeddings/shards")) {
    std::string bytes = read(entry.path());
    bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
    fs::permissions(entry.path(), fs::perms::owner_write, fs::perm_options::add);
    std::ofstream(entry.path(), std::ios::binary) << bytes;
    break;
  }
  const Outcome torn = limner::testing::limner(scratch.path(), "verify run");
  EXPECT_EQ(torn.exit_code, 65) << torn.output;
  EXPECT_THAT(torn.output, ::testing::HasSubstr("rows-"));
  // Counts of rows that do not add up, and what is no count.
  const auto with_rows = [&](const std::string& rows) {
    const fs::path path = scratch / "run/prepared/quality.json";
    fs::remove(path);
    fs::remove(path.parent_path() / "checksums.json");  // it would tell first
    std::ofstream(path) << R"({"rows": {"duplicates": 1, "rejected": 1, )" + rows + "}}";
    return limner::testing::limner(scratch.path(), "verify run");
  };
  for (const auto& [rows, message] :
       {std::pair(R"("prepared": 1, "read": 4)", "rows read are not"),
        std::pair(R"("prepared": 9223372036854775807, "read": -9223372036854775807)", "rows read are not"),
        std::pair(R"("prepared": 1, "read": 1e90)", "quality.json: not a record")}) {
    const Outcome counted = with_rows(rows);
    EXPECT_EQ(counted.exit_code, 65) << counted.output;
    EXPECT_THAT(counted.output, ::testing::HasSubstr(message));
  }
}

TEST(Ranks, AcrossRanksTrainsToTheSameBytes) {
  Scratch scratch;
  scratch.write("reviews.csv", small_reviews(40, 300));
  scratch.write("config.yaml", small_config());
  ASSERT_EQ(limner::testing::limner(scratch.path(), "prepare config.yaml run.directory=one").exit_code, 0);
  std::string expected;
  for (const auto& [ranks, name] : {std::pair{1, "one"}, {2, "two"}, {4, "four"}, {8, "eight"}}) {
    if (ranks > 1) {
      fs::create_directories(scratch / name);
      fs::copy(scratch / "one/prepared", scratch / name / "prepared", fs::copy_options::recursive);
    }
    const Outcome outcome = limner::testing::limner(
        scratch.path(),
        std::string("train config.yaml train.deterministic=across_ranks train.max_steps=5 run.directory=") +
            name,
        ranks);
    ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
    const std::string state =
        read(scratch / name / "checkpoints/step-00000005/limner_state/optimizer.safetensors");
    ASSERT_FALSE(state.empty());
    if (expected.empty()) expected = state;
    EXPECT_TRUE(state == expected) << ranks << " ranks have other weights or moments than one";
  }
}

// Each part of the run on another number of ranks, the moments now whole on each rank, now spread over them.
TEST(Ranks, GoesOnWithAnotherNumberOfRanks) {
  Scratch scratch;
  scratch.write("reviews.csv", small_reviews(40, 300));
  scratch.write("config.yaml", small_config());
  const auto train = [&](const std::string& directory, int ranks, const std::string& shard,
                         const std::string& message) {
    const Outcome outcome =
        limner::testing::limner(scratch.path(),
                                "train config.yaml train.deterministic=across_ranks train.max_steps=9 "
                                "train.save_steps=3 train.save_total_limit=5 "
                                "train.shard_optimizer_state=" +
                                    shard + " run.directory=" + directory,
                                ranks);
    ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
    EXPECT_THAT(outcome.output, ::testing::HasSubstr(message));
  };
  const auto state = [&](const std::string& directory) {
    return read(scratch / directory / "checkpoints/step-00000009/limner_state/optimizer.safetensors");
  };
  // What a job leaves that was killed just after a save.
  const auto cut_back = [&](const std::string& directory, const std::vector<std::string>& later) {
    for (const std::string& checkpoint : later)
      fs::remove_all(scratch / directory / "checkpoints" / checkpoint);
    fs::remove(scratch / directory / "train/summary.json");
    ASSERT_TRUE(fs::exists(scratch / directory / "checkpoints/step-00000003"));
    ASSERT_TRUE(state(directory).empty());
  };
  ASSERT_EQ(limner::testing::limner(scratch.path(), "prepare config.yaml run.directory=whole").exit_code, 0);
  fs::copy(scratch / "whole", scratch / "parts", fs::copy_options::recursive);
  train("whole", 1, "false", "9/9 steps");
  train("parts", 4, "true", "9/9 steps");
  ASSERT_FALSE(state("whole").empty());
  EXPECT_TRUE(state("parts") == state("whole")) << "four ranks have other weights or moments than one";
  cut_back("parts", {"step-00000009", "step-00000006"});
  train("parts", 3, "true", "going on after step 3");
  EXPECT_TRUE(state("parts") == state("whole")) << "gone on with three ranks";
  cut_back("parts", {"step-00000009"});
  train("parts", 2, "false", "going on after step 6");
  EXPECT_TRUE(state("parts") == state("whole")) << "gone on with two ranks, moments on each";
}

TEST(Plan, PredictsFromTheRateOfOneDevice) {
  Scratch scratch;
  scratch.write("reviews.csv", small_reviews(40, 300));
  scratch.write("config.yaml", small_config());
  scratch.write("bench.jsonl", R"({"scope": "step", "tokens_per_second": 1024}
{"scope": "model", "tokens_per_second": 5}
{"scope": "encode", "tokens_per_second": 2048}
)");
  const Outcome outcome =
      limner::testing::limner(scratch.path(), "plan config.yaml --gpus 4 plan.measured=bench.jsonl");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  // 512 tokens a global batch at 1,024 a second, alone, on two and on four.
  for (const char* milliseconds : {" 500.000 ", " 250.000 ", " 125.000 "}) {
    EXPECT_THAT(outcome.output, ::testing::HasSubstr(milliseconds));
  }
  EXPECT_THAT(outcome.output, ::testing::HasSubstr("one device 2048 tokens/s (measured, bench.jsonl)"));
  EXPECT_FALSE(fs::exists(scratch / "run")) << "a plan writes nothing";
  const auto refused = [&](const std::string& arguments, int code, const char* word) {
    const Outcome wrong = limner::testing::limner(scratch.path(), arguments);
    EXPECT_EQ(wrong.exit_code, code) << wrong.output;
    EXPECT_THAT(wrong.output, ::testing::HasSubstr(word));
  };
  scratch.write("extract_only.jsonl", R"({"scope": "encode", "tokens_per_second": 2048})");
  refused("plan config.yaml plan.measured=extract_only.jsonl", 65, "'step'");
  refused("plan config.yaml plan.measured=none.jsonl", 66, "none.jsonl");
  refused("plan config.yaml --gpus 0", 78, "plan.gpus");
  refused("check config.yaml --gpus 4", 64, "limner plan");
}

TEST(Sweep, GridCountsAndNamesCombinations) {
  Scratch scratch;
  scratch.write("grid.yaml", "train.learning_rate: [1e-4, 3e-4]\nrun.seed: [1, 2, 3]\n");
  EXPECT_EQ(limner::testing::limner(scratch.path(), "grid grid.yaml").output, "6\n");
  EXPECT_EQ(limner::testing::limner(scratch.path(), "grid grid.yaml 0").output,
            "train.learning_rate=1e-4\nrun.seed=1\n");
  EXPECT_EQ(limner::testing::limner(scratch.path(), "grid grid.yaml 4").output,
            "train.learning_rate=3e-4\nrun.seed=2\n");
  EXPECT_EQ(limner::testing::limner(scratch.path(), "grid grid.yaml 6").exit_code, 64);
  scratch.write("grid.yaml", "train.learning_rate: 1e-4\n");
  const Outcome scalar = limner::testing::limner(scratch.path(), "grid grid.yaml");
  EXPECT_EQ(scalar.exit_code, 78);
  EXPECT_THAT(scalar.output, ::testing::HasSubstr("grid.yaml:1"));
}

TEST(Sweep, CompareShowsWhatDiffersAndWhatWasReached) {
  Scratch scratch;
  for (const char* rate : {"1e-4", "3e-4"}) {
    const std::string run = std::string("sweep/") + rate;
    scratch.write(run + "/config.yaml", std::string("run: {directory: ") + run +
                                            ", seed: 3}\ntrain: {learning_rate: " + rate + "}\n");
  }
  scratch.write("sweep/1e-4/train/summary.json",
                R"({"steps": 20, "tokens_per_second": 12.6, "validation": {"loss": 0.5, "heads": []},
                    "test": {"loss": null, "heads": [{"name": "mood", "accuracy": 0.75}]}})");
  const Outcome outcome = limner::testing::limner(scratch.path(), "compare sweep/1e-4 sweep/3e-4");
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_EQ(outcome.output,
            "run         train.learning_rate  steps       tokens/s  validation loss  test loss  test mood "
            "accuracy\n"
            "sweep/1e-4  1e-4                 20          13        0.5000                      0.7500\n"
            "sweep/3e-4  3e-4                 unfinished\n");
}

TEST(Help, EveryCommandHasAPage) {
  Scratch scratch;
  for (const char* name : {"run", "prepare", "train", "extract", "profile", "check", "plan", "inspect",
                           "verify", "grid", "compare", "bench", "demo-data", "reference"}) {
    const Outcome outcome = limner::testing::limner(scratch.path(), std::string(name) + " --help");
    EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
    EXPECT_THAT(outcome.output, ::testing::HasSubstr(std::string("limner ") + name));
  }
  EXPECT_THAT(limner::testing::limner(scratch.path(), "--version").output, ::testing::HasSubstr("HDF5"));
}

// docs/configuration.md is generated: a setting that changed without it fails here.
TEST(Reference, MatchesTheDocument) {
  Scratch scratch;
  const Outcome outcome = limner::testing::limner(scratch.path(), "reference");
  EXPECT_EQ(outcome.output, read(fs::path(std::getenv("LIMNER_SOURCE")) / "docs/configuration.md"))
      << "run: limner reference > docs/configuration.md";
}

}  // namespace
}  // namespace limner::testing
