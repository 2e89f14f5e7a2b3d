// The unchanged program on the emulated CUDA module: training and extraction on one and two ranks, what it
// says where there is no GPU, and how it ends when the GPU fails.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <tuple>

#include "extract/shards.h"
#include "runtime/files.h"
#include "tests/cli/program.h"

namespace limner::testing {
namespace {

using ::testing::HasSubstr;

// Two layers, heads of 32; bf16, as on a GPU.
constexpr const char* kSettings =
    "runtime.precision=bf16 train.logging_steps=1 train.num_train_epochs=3 train.max_tokens_per_batch=256 "
    "model.architecture='{layers: 2, hidden: 64, heads: 2, inner: 128, max_positions: 64}' ";

constexpr size_t kWidth = 64;

std::string with_module(const std::string& devices = "1") {
  return "LIMNER_CUDA_MODULE=" + std::string(LIMNER_EMULATED_MODULE) +
         " LIMNER_EMULATION_DEVICES=" + devices + " ";
}

std::vector<float> embedding(const fs::path& folder) {
  const EmbeddingsReader reader(folder, EmbeddingsReader::Verify::hashes);
  std::vector<float> values(static_cast<size_t>(reader.rows() * reader.width()));
  reader.embeddings(0, reader.rows(), values.data());
  return values;
}

double cosine(const float* a, const float* b) {
  double product = 0.0, length_a = 0.0, length_b = 0.0;
  for (size_t i = 0; i < kWidth; ++i) {
    product += static_cast<double>(a[i]) * b[i];
    length_a += static_cast<double>(a[i]) * a[i];
    length_b += static_cast<double>(b[i]) * b[i];
  }
  return product / std::sqrt(length_a * length_b);
}

class Program : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    scratch = new Scratch;
    scratch->write("reviews.csv", small_reviews(40, 240));
    scratch->write("config.yaml", small_config());
    run("prepare", "cpu", "cpu");
    run("train", "cpu", "cpu");
  }
  static void TearDownTestSuite() { delete scratch; }
  static Outcome run(const std::string& stage, const std::string& folder, const std::string& device,
                     int ranks = 1, const std::string& prefix = {}, const std::string& more = {}) {
    const Outcome outcome = limner::testing::limner(
        scratch->path(),
        stage + " config.yaml run.directory=" + folder + " runtime.device=" + device + " " + kSettings + more,
        ranks, prefix);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
    return outcome;
  }
  static void copy(const std::string& from, const std::string& to, const char* folder) {
    fs::create_directories(*scratch / to);
    fs::copy(*scratch / from / folder, *scratch / to / folder, fs::copy_options::recursive);
  }
  static Scratch* scratch;
};
Scratch* Program::scratch = nullptr;

TEST_F(Program, TrainsAsOnTheCpu) {
  const std::vector<double> expected = training_losses(*scratch / "cpu/train/metrics.jsonl");
  ASSERT_GE(expected.size(), 20U);
  struct Case {
    const char* name;
    int ranks;
    std::string prefix;
    const char* sums;  // what the log says of the gradients
  };
  const Case cases[] = {
      {"one", 1, with_module(), ""},
      {"shared", 2, with_module(), "summed by MPI, through host memory (ranks share a GPU)"},
      {"nccl", 2, with_module("2"), "summed by NCCL"},
      {"no_nccl", 2, with_module("2") + "LIMNER_EMULATION_NCCL=0 ",
       "summed by MPI, through host memory (no NCCL"}};
  for (const Case& how : cases) {
    copy("cpu", how.name, "prepared");
    const Outcome outcome = run("train", how.name, "cuda", how.ranks, how.prefix);
    EXPECT_THAT(outcome.output, HasSubstr("cuda: emulation on the CPU"));
    EXPECT_THAT(outcome.output, HasSubstr(how.sums));
    const std::vector<double> losses =
        training_losses(*scratch / (std::string(how.name) + "/train/metrics.jsonl"));
    ASSERT_EQ(losses.size(), expected.size());
    for (size_t step = 0; step < losses.size(); ++step) {
      EXPECT_NEAR(losses[step], expected[step], 0.02 * expected.front()) << how.name << ", step " << step;
    }
  }
}

TEST_F(Program, ExtractsTheSameBytesOnAnyNumberOfRanks) {
  copy("cpu", "vectors", "prepared");
  copy("cpu", "vectors", "checkpoints");
  run("extract", "vectors", "cpu");
  const std::vector<float> expected = embedding(*scratch / "vectors/embeddings");
  std::vector<float> one;
  for (const int ranks : {1, 2}) {
    fs::remove_all(*scratch / "vectors/embeddings");
    run("extract", "vectors", "cuda", ranks, with_module("2"));
    const std::vector<float> vectors = embedding(*scratch / "vectors/embeddings");
    ASSERT_EQ(vectors.size(), expected.size());
    for (size_t row = 0; row < vectors.size() / kWidth; ++row) {
      EXPECT_GT(cosine(vectors.data() + row * kWidth, expected.data() + row * kWidth), 0.9995) << row;
    }
    if (ranks == 1) {
      one = vectors;
    } else {
      EXPECT_EQ(vectors, one);
    }
  }
}

// How much the log says was replayed: pieces in all, and replayed ones.
std::pair<int64_t, int64_t> graph_use(const std::string& output) {
  const std::string before = "CUDA graphs: ", between = " of ";
  const size_t at = output.find(before);
  if (at == std::string::npos) return {0, 0};
  const std::string line = output.substr(at + before.size());
  return {std::stoll(line.substr(line.find(between) + between.size())), std::stoll(line)};
}

// With CUDA graphs: the same course, the same vectors for any number of ranks, and most work is replayed.
TEST_F(Program, TrainsAndExtractsWithGraphs) {
  const std::string with_graphs = "runtime.cuda_graphs=true";
  const std::vector<double> expected = training_losses(*scratch / "cpu/train/metrics.jsonl");
  const std::tuple<const char*, int, std::string> cases[] = {{"graphs", 1, with_module()},
                                                             {"graphs_shared", 2, with_module()},
                                                             {"graphs_nccl", 2, with_module("2")}};
  for (const auto& [folder, ranks, prefix] : cases) {
    copy("cpu", folder, "prepared");
    const auto [pieces, replayed] =
        graph_use(run("train", folder, "cuda", ranks, prefix, with_graphs).output);
    const auto steps = static_cast<int64_t>(expected.size());
    EXPECT_GT(pieces, 4 * steps) << folder;
    EXPECT_GT(replayed, 2 * steps) << folder;
    const std::vector<double> losses =
        training_losses(*scratch / (std::string(folder) + "/train/metrics.jsonl"));
    ASSERT_EQ(losses.size(), expected.size());
    for (size_t step = 0; step < losses.size(); ++step) {
      EXPECT_NEAR(losses[step], expected[step], 0.02 * expected.front()) << folder << ", step " << step;
    }
  }
  copy("cpu", "plain_vectors", "prepared");
  copy("cpu", "plain_vectors", "checkpoints");
  copy("cpu", "graphs_vectors", "prepared");
  copy("cpu", "graphs_vectors", "checkpoints");
  const std::string batches = "extract.max_tokens_per_batch=128 ";  // many, of few shapes
  EXPECT_EQ(graph_use(run("extract", "plain_vectors", "cuda", 1, with_module(), batches).output).first, 0);
  const std::vector<float> plain = embedding(*scratch / "plain_vectors/embeddings");
  std::vector<float> one;
  for (const int ranks : {1, 2}) {
    fs::remove_all(*scratch / "graphs_vectors/embeddings");
    const Outcome outcome =
        run("extract", "graphs_vectors", "cuda", ranks, with_module("2"), batches + with_graphs);
    // Of two ranks the log tells rank 0's part, which may be small.
    if (ranks == 1) {
      EXPECT_GT(graph_use(outcome.output).second, 0) << outcome.output;
    }
    const std::vector<float> vectors = embedding(*scratch / "graphs_vectors/embeddings");
    ASSERT_EQ(vectors.size(), plain.size());
    for (size_t row = 0; row < vectors.size() / kWidth; ++row) {
      EXPECT_GT(cosine(vectors.data() + row * kWidth, plain.data() + row * kWidth), 0.9999) << row;
    }
    if (ranks == 1) {
      one = vectors;
    } else {
      EXPECT_EQ(vectors, one);
    }
  }
}

// A decoder: rotary embeddings, root-mean-square norms, gates, causal attention, the last token's vector.
TEST_F(Program, TrainsAndExtractsADecoder) {
  const std::string decoder = "model.architecture.family=llama";
  for (const char* folder : {"decoder", "decoder_gpu"}) copy("cpu", folder, "prepared");
  run("train", "decoder", "cpu", 1, {}, decoder);
  run("train", "decoder_gpu", "cuda", 1, with_module(), decoder);
  const std::vector<double> expected = training_losses(*scratch / "decoder/train/metrics.jsonl"),
                            losses = training_losses(*scratch / "decoder_gpu/train/metrics.jsonl");
  ASSERT_GE(expected.size(), 20U);
  ASSERT_EQ(losses.size(), expected.size());
  for (size_t step = 0; step < losses.size(); ++step) {
    EXPECT_NEAR(losses[step], expected[step], 0.02 * expected.front()) << "step " << step;
  }
  copy("decoder", "decoder_vectors", "prepared");
  copy("decoder", "decoder_vectors", "checkpoints");
  run("extract", "decoder", "cpu");
  run("extract", "decoder_vectors", "cuda", 1, with_module());
  const std::vector<float> one = embedding(*scratch / "decoder/embeddings"),
                           vectors = embedding(*scratch / "decoder_vectors/embeddings");
  ASSERT_EQ(vectors.size(), one.size());
  for (size_t row = 0; row < vectors.size() / kWidth; ++row) {
    EXPECT_GT(cosine(vectors.data() + row * kWidth, one.data() + row * kWidth), 0.9995) << row;
  }
}

TEST_F(Program, TakesTheCpuWhereThereIsNoGpuAndSaysSo) {
  copy("cpu", "auto", "prepared");
  EXPECT_THAT(run("train", "auto", "auto", 1, with_module("0")).output,
              HasSubstr("device: cpu (no GPU can be used"));
  EXPECT_THAT(run("train", "auto", "auto", 1, with_module() + "LIMNER_EMULATION_CAPABILITY=75 ").output,
              HasSubstr("device: cpu (GPU 0 (emulation on the CPU) has compute capability 7.5"));
  EXPECT_THAT(run("train", "auto", "auto", 1, "LIMNER_CUDA_MODULE=/nowhere/module.so ").output,
              HasSubstr("device: cpu (no CUDA module /nowhere/module.so)"));
}

TEST_F(Program, CudaWithoutAGpuIsAnErrorWithTheReason) {
  scratch->write("broken.so", "not a library");
  const std::string cuda = "train config.yaml run.directory=cpu runtime.device=cuda";
  const std::pair<std::string, const char*> cases[] = {
      {with_module("0"), "runtime.device: cuda, but no GPU can be used"},
      {with_module() + "LIMNER_EMULATION_CAPABILITY=75 ",
       "runtime.device: cuda, but GPU 0 (emulation on the CPU) has compute capability 7.5, and 8.0 is "
       "wanted"},
      {"LIMNER_CUDA_MODULE=/nowhere/module.so ",
       "runtime.device: cuda, but no CUDA module /nowhere/module.so"},
      {"LIMNER_CUDA_MODULE=./broken.so ",
       "runtime.device: cuda, but the CUDA module cannot be loaded: ./broken.so: file too short"}};
  for (const auto& [prefix, reason] : cases) {
    const Outcome outcome = limner::testing::limner(scratch->path(), cuda, 1, prefix);
    EXPECT_EQ(outcome.exit_code, 78) << outcome.output;
    EXPECT_THAT(outcome.output, HasSubstr(reason));
    EXPECT_THAT(outcome.output, HasSubstr("use auto or cpu"));
  }
}

// All ranks alike, each failure with what it was: memory that does not suffice, a launch that fails in the
// middle of a step, weights that are no numbers.
TEST_F(Program, EndsWithTheReasonWhenTheGpuFails) {
  copy("cpu", "failing", "prepared");
  const std::string train =
      std::string("train config.yaml run.directory=failing runtime.device=cuda ") + kSettings;
  fs::copy(*scratch / "cpu/checkpoints/best", *scratch / "numberless", fs::copy_options::recursive);
  const fs::path weights = *scratch / "numberless/model.safetensors";
  fs::permissions(weights, fs::perms::owner_write, fs::perm_options::add);
  std::string bytes = read(weights);
  std::fill(bytes.begin() + static_cast<int64_t>(bytes.size() / 2), bytes.end(), '\xff');
  std::ofstream(weights, std::ios::binary) << bytes;
  struct Case {
    std::string prefix, arguments;
    int exit_code;
    std::vector<std::string> says;
  };
  const Case cases[] = {{with_module("2") + "LIMNER_EMULATION_MEMORY=37000000 ",
                         train,
                         70,
                         {"out of GPU memory: ", "run fewer ranks on this GPU"}},
                        {with_module("2") + "LIMNER_EMULATION_FAILING_LAUNCH=300 ",
                         train,
                         70,
                         {"CUDA: unspecified launch failure (", "kernels/cuda/"}},
                        {with_module("2"),
                         train + "model.checkpoint=numberless",
                         78,
                         {"the loss or its gradient is not finite in step 1"}},
                        // Amid the replays.
                        {with_module("2") + "LIMNER_EMULATION_FAILING_LAUNCH=1500 ",
                         train + "runtime.cuda_graphs=true",
                         70,
                         {"CUDA: unspecified launch failure (", "kernels/cuda/"}},
                        {with_module("2"),
                         train + "runtime.cuda_graphs=true model.checkpoint=numberless",
                         78,
                         {"the loss or its gradient is not finite in step 1"}}};
  for (const Case& failure : cases) {
    const Outcome outcome = limner::testing::limner(scratch->path(), failure.arguments, 2, failure.prefix);
    EXPECT_EQ(outcome.exit_code, failure.exit_code) << outcome.output;
    for (const std::string& part : failure.says) EXPECT_THAT(outcome.output, HasSubstr(part));
  }
}

}  // namespace
}  // namespace limner::testing
