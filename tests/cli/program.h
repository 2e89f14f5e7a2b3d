// Runs the program as a user would, and makes small tables for it.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "runtime/files.h"
#include "runtime/random.h"

namespace limner::testing {

namespace fs = std::filesystem;

struct Outcome {
  int exit_code;
  std::string output;  // standard output and standard error together
};

// A folder of its own that is gone at the end.
class Scratch {
 public:
  Scratch() {
    std::string pattern = (fs::temp_directory_path() / "limner-test-XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~Scratch() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  const fs::path& path() const { return path_; }
  fs::path operator/(const std::string& name) const { return path_ / name; }
  void write(const std::string& name, const std::string& content) const {
    fs::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name, std::ios::binary) << content;
  }

 private:
  fs::path path_;
};

inline std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream content;
  content << file.rdbuf();
  return content.str();
}

inline Outcome shell(const std::string& command) {
  Outcome outcome{-1, {}};
  FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  if (!pipe) return outcome;
  char block[4096];
  while (const size_t count = fread(block, 1, sizeof block, pipe)) outcome.output.append(block, count);
  const int status = pclose(pipe);
  outcome.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return outcome;
}

// limner ARGUMENTS in `folder`, alone or under mpirun.
inline Outcome limner(const fs::path& folder, const std::string& arguments, int ranks = 1,
                      const std::string& prefix = {}) {
  const char* program = std::getenv("LIMNER");
  const std::string launch =
      ranks == 1 ? "" : "mpirun --oversubscribe --bind-to none -n " + std::to_string(ranks) + " ";
  return shell("cd " + folder.string() +
               " && export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMP_NUM_THREADS=1 && " +
               prefix + launch + (program ? program : "limner") + " " + arguments);
}

// Reviews of `customers` customers whose words tell the label. Some rows repeat a customer, some are Chinese.
inline std::string small_reviews(int customers, int rows, uint64_t seed = 1) {
  const char* good[] = {"great", "lovely", "works perfectly", "很好", "非常满意"};
  const char* bad[] = {"broken", "terrible", "stopped working", "很差", "不满意"};
  const char* things[] = {"guitar", "strings", "cable", "手机", "酒店", "book"};
  const Random random(seed, "reviews");
  std::string table = "customer,text,label,amount,time\n";
  for (int row = 0; row < rows; ++row) {
    const auto draw = [&](int which, uint64_t limit) {
      return random.below(static_cast<uint64_t>(row) * 16 + static_cast<uint64_t>(which), limit);
    };
    const bool positive = draw(0, 2) == 1;
    table += "c" + std::to_string(draw(1, static_cast<uint64_t>(customers))) + ",\"the " +
             things[draw(2, 6)] + " is " + (positive ? good[draw(3, 5)] : bad[draw(3, 5)]) + ", number " +
             std::to_string(row) + "\"," + (positive ? "good" : "bad") + "," +
             std::to_string(positive ? 50 + draw(4, 20) : 10 + draw(4, 20)) + "," +
             std::to_string(1600000000 + row * 3600) + "\n";
  }
  return table;
}

// A configuration that trains in about a second.
inline std::string small_config() {
  return R"(run: {directory: run, seed: 3}
runtime: {device: cpu, precision: f32, threads: 1}
prepare:
  sources:
    - path: reviews.csv
      fields: {customer: customer, text: text, label: label, amount: amount, time: time}
  types: {time: time}
  split: {train: 0.7, validation: 0.15, test: 0.15}
model:
  architecture: {layers: 1, hidden: 32, heads: 2, inner: 64, max_positions: 64}
  vocabulary: {size: 300, min_frequency: 1}
train:
  heads:
    - {name: label, field: label}
  max_tokens_per_batch: 512
  num_train_epochs: 2
  learning_rate: 3e-3
extract: {rows_per_shard: 64, dtype: float32}
profile:
  segments: {k: 2}
  regressions: [{target: amount, kind: ridge}]
)";
}

// The losses in a run's train/metrics.jsonl, in the order of their steps.
inline std::vector<double> training_losses(const fs::path& file) {
  std::ifstream lines(file);
  std::vector<double> losses;
  for (std::string line; std::getline(lines, line);) {
    const Json record = Json::parse(line);
    if (record.contains("train/loss")) losses.push_back(record["train/loss"].get<double>());
  }
  return losses;
}

}  // namespace limner::testing
