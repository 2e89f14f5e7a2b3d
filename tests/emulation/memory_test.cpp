// The unchanged program on two emulated GPUs of which one has too little memory for the batches, and with the
// optimizer's state in parts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "extract/shards.h"
#include "runtime/files.h"
#include "tests/cli/program.h"

namespace limner::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// In f32, so that losses can be compared closely; activations are large beside all else.
constexpr const char* kSettings =
    " config.yaml runtime.device=cuda runtime.precision=f32 train.logging_steps=1 train.num_train_epochs=4 "
    "train.max_tokens_per_batch=1024 train.save_steps=4 train.save_total_limit=9 train.weight_average=0.9 "
    "extract.max_tokens_per_batch=1024 "
    "model.architecture='{layers: 1, hidden: 64, heads: 2, inner: 768, max_positions: 64}' ";

// Room for everything but the code of kernels, which the program keeps free.
constexpr int64_t kTooShort = 60'000'000;

int64_t count_of(const std::string& text, const std::string& part) {
  int64_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

class Memory : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    scratch = new Scratch;
    scratch->write("reviews.csv", small_reviews(40, 240));
    scratch->write("config.yaml", small_config());
    const Outcome prepared =
        limner::testing::limner(scratch->path(), "prepare config.yaml run.directory=whole");
    ASSERT_EQ(prepared.exit_code, 0) << prepared.output;
    for (const char* folder : {"pieces", "parts", "short_parts", "nothing"})
      copy("whole", folder, "prepared");
    whole = run("train", "whole");
    too_short = run("train", "nothing", {}, kTooShort);
    scarce = bytes_for(0.7, whole.output, too_short.output);
  }
  static void TearDownTestSuite() { delete scratch; }

  // Two ranks with a GPU each.
  static Outcome run(const std::string& stage, const std::string& folder, const std::string& more = {},
                     int64_t bytes_of_rank_1 = 0) {
    const char* program = std::getenv("LIMNER");
    const std::string command = std::string(program ? program : "limner") + " " + stage + kSettings +
                                "run.directory=" + folder + " " + more;
    const std::string limit =
        bytes_of_rank_1 == 0 ? "" : "env LIMNER_EMULATION_MEMORY=" + std::to_string(bytes_of_rank_1) + " ";
    return shell("cd " + scratch->path().string() +
                 " && export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMP_NUM_THREADS=1 "
                 "LIMNER_EMULATION_DEVICES=2 LIMNER_CUDA_MODULE=" +
                 LIMNER_EMULATED_MODULE + " && mpirun --oversubscribe --bind-to none -n 1 " + command +
                 " : -n 1 " + limit + command);
  }
  // A GPU with this share of the memory that `plenty` had for activations, and all else that it wants: the
  // program tells, where it has too little, what is left beside the smallest batch and what it keeps free.
  static int64_t bytes_for(double share, const std::string& plenty, const std::string& too_short) {
    const std::string free = " bytes are free, and ";
    const size_t at = too_short.find(free);
    const double activations = number_before(plenty, plenty.find(" MiB of activations"));
    const double left = number_before(too_short, too_short.rfind(" of ", at));
    if (at == std::string::npos || std::isnan(activations) || std::isnan(left)) {
      ADD_FAILURE() << plenty << too_short;
      return 0;
    }
    return kTooShort - static_cast<int64_t>(left) + std::stoll(too_short.substr(at + free.size())) +
           static_cast<int64_t>(share * activations * (1 << 20));
  }
  // The number that ends there; NaN: none.
  static double number_before(const std::string& text, size_t end) {
    if (end == std::string::npos || end == 0) return std::nan("");
    const size_t begin = text.find_last_not_of("0123456789.", end - 1) + 1;  // npos + 1 is 0
    return begin < end ? std::stod(text.substr(begin, end - begin)) : std::nan("");
  }
  static void copy(const std::string& from, const std::string& to, const char* folder) {
    fs::create_directories(*scratch / to);
    fs::copy(*scratch / from / folder, *scratch / to / folder, fs::copy_options::recursive);
  }
  static std::vector<double> losses(const std::string& folder) {
    return training_losses(*scratch / (folder + "/train/metrics.jsonl"));
  }
  static fs::path last_checkpoint(const std::string& folder) {
    return *scratch / folder /
           read_json(*scratch / (folder + "/train/summary.json"))["last_checkpoint"].get<std::string>();
  }
  static std::string state_hash(const std::string& folder) {
    return sha256_file(last_checkpoint(folder) / "limner_state" / "optimizer.safetensors");
  }
  static std::vector<float> embedding(const std::string& folder) {
    const EmbeddingsReader reader(*scratch / (folder + "/embeddings"), EmbeddingsReader::Verify::hashes);
    std::vector<float> values(static_cast<size_t>(reader.rows() * reader.width()));
    reader.embeddings(0, reader.rows(), values.data());
    return values;
  }
  static Scratch* scratch;
  static Outcome whole, too_short;
  static int64_t scarce;  // bytes of rank 1
};
Scratch* Memory::scratch = nullptr;
Outcome Memory::whole, Memory::too_short;
int64_t Memory::scarce = 0;

TEST_F(Memory, StateInPartsGivesTheBitsOfWholeState) {
  ASSERT_EQ(whole.exit_code, 0) << whole.output;
  EXPECT_THAT(whole.output, HasSubstr("summed by NCCL"));
  const Outcome parts = run("train", "parts", "train.shard_optimizer_state=true");
  ASSERT_EQ(parts.exit_code, 0) << parts.output;
  EXPECT_EQ(state_hash("parts"), state_hash("whole"));
  EXPECT_EQ(losses("parts"), losses("whole"));
}

// Rank 1 alone lacks memory. Both make pieces, say so once, and train as whole shares do.
TEST_F(Memory, SharesAreCutOnAllRanksWhereOneLacksMemory) {
  const Outcome pieces = run("train", "pieces", {}, scarce);
  ASSERT_EQ(pieces.exit_code, 0) << pieces.output;
  EXPECT_EQ(count_of(pieces.output, "do not fit into memory (rank 1 on "), 1) << pieces.output;
  EXPECT_THAT(pieces.output, HasSubstr("out of GPU memory: "));
  EXPECT_THAT(whole.output, Not(HasSubstr("do not fit into memory")));
  const Json state = read_json(last_checkpoint("pieces") / "limner_state" / "state.json");
  const auto tokens = state.at("share_tokens").get<int64_t>();
  EXPECT_GT(tokens, 100);
  EXPECT_LT(tokens, 512) << "then no share was cut";
  const std::vector<double> expected = losses("whole"), found = losses("pieces");
  ASSERT_GE(expected.size(), 8U);
  ASSERT_EQ(found.size(), expected.size());
  for (size_t step = 0; step < found.size(); ++step) {
    EXPECT_NEAR(found[step], expected[step], 1e-4 * expected[step]) << "step " << step;
  }

  // Rank 1 updates half of the weights here, and gives them to rank 0, which writes: had the ranks come to
  // different weights or gradients, these would not be the same bits.
  const Outcome parts = run("train", "short_parts", "train.shard_optimizer_state=true", scarce);
  ASSERT_EQ(parts.exit_code, 0) << parts.output;
  EXPECT_EQ(state_hash("short_parts"), state_hash("pieces"));

  // Gone on with from the middle, where there is memory now: the same pieces, the same bits.
  const std::string before = state_hash("pieces");
  int64_t removed = 0;
  for (const fs::directory_entry& folder : fs::directory_iterator(*scratch / "pieces/checkpoints")) {
    const std::string name = folder.path().filename().string();
    if (name.starts_with("step-") && name != "step-00000004") removed += fs::remove_all(folder.path()) > 0;
  }
  ASSERT_GE(removed, 1);
  const Outcome again = run("train", "pieces");
  ASSERT_EQ(again.exit_code, 0) << again.output;
  EXPECT_THAT(again.output, HasSubstr("going on after step 4"));
  EXPECT_THAT(again.output, HasSubstr("pieces of at most " + std::to_string(tokens) + " tokens, as before"));
  EXPECT_THAT(again.output, Not(HasSubstr("do not fit into memory")));
  EXPECT_EQ(state_hash("pieces"), before);
}

// With CUDA graphs, which take memory too and pad batches.
TEST_F(Memory, SharesAreCutWithGraphsToo) {
  copy("whole", "graphs", "prepared");
  const Outcome graphs = run("train", "graphs", "runtime.cuda_graphs=true", scarce);
  ASSERT_EQ(graphs.exit_code, 0) << graphs.output;
  EXPECT_EQ(count_of(graphs.output, "do not fit into memory (rank 1 on "), 1) << graphs.output;
  EXPECT_THAT(graphs.output, HasSubstr("pieces of work were replayed"));
  const std::vector<double> expected = losses("whole"), found = losses("graphs");
  ASSERT_EQ(found.size(), expected.size());
  for (size_t step = 0; step < found.size(); ++step) {
    EXPECT_NEAR(found[step], expected[step], 1e-4 * expected[step]) << "step " << step;
  }
}

TEST_F(Memory, ARowThatDoesNotFitIsAnError) {
  EXPECT_EQ(too_short.exit_code, 70) << too_short.output;
  for (const char* part : {"train: the longest row, ", "does not fit into memory (rank 1 on ",
                           "lower model.max_length or set train.gradient_checkpointing"}) {
    EXPECT_THAT(too_short.output, HasSubstr(part));
  }
}

// Pairs are told from all others of their batch: no pieces.
TEST_F(Memory, SharesOfPairsAreNotCut) {
  const Outcome pairs = run("train", "nothing", "train.contrastive.weight=1", scarce);
  EXPECT_EQ(pairs.exit_code, 70) << pairs.output;
  EXPECT_THAT(pairs.output, HasSubstr("share of a batch of pairs, which cannot be cut"));
  EXPECT_THAT(pairs.output, HasSubstr("lower train.max_tokens_per_batch"));
}

TEST_F(Memory, ExtractionTakesSmallerBatches) {
  const Outcome plenty = run("extract", "whole");
  ASSERT_EQ(plenty.exit_code, 0) << plenty.output;
  const std::vector<float> expected = embedding("whole");
  fs::remove_all(*scratch / "whole/embeddings");
  const Outcome nothing = run("extract", "whole", {}, kTooShort);
  EXPECT_EQ(nothing.exit_code, 70);
  EXPECT_THAT(nothing.output,
              HasSubstr("extract: the longest row that there may be, 64 tokens, does not fit"));
  // A quarter of a batch: less than the rows of a shard.
  const Outcome cut = run("extract", "whole", {}, bytes_for(0.3, plenty.output, nothing.output));
  ASSERT_EQ(cut.exit_code, 0) << cut.output;
  EXPECT_EQ(count_of(cut.output, "extract: batches of 1024 tokens do not fit into memory (rank 1 on "), 1)
      << cut.output;
  EXPECT_THAT(cut.output, HasSubstr("All ranks take 256 tokens"));
  EXPECT_THAT(plenty.output, Not(HasSubstr("do not fit into memory")));
  const std::vector<float> found = embedding("whole");
  ASSERT_EQ(found.size(), expected.size());
  for (size_t i = 0; i < found.size(); ++i) ASSERT_NEAR(found[i], expected[i], 1e-6) << i;
}

}  // namespace
}  // namespace limner::testing
