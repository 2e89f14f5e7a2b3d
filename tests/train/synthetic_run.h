// A small prepared set whose labels can be told from the words, settings that learn it in seconds, and a
// folder for the run. For the tests of train/ and extract/.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "runtime/error.h"
#include "runtime/files.h"
#include "runtime/random.h"
#include "runtime/run.h"
#include "tables/prepared.h"

namespace limner::testing {

// In memory where the system offers that: a test run publishes hundreds of files, each with an fsync.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    const fs::path memory = "/dev/shm";
    const fs::path parent = access(memory.c_str(), W_OK) == 0 ? memory : fs::temp_directory_path();
    std::string name = (parent / "limner-train-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make " + name);
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

template <class Call>
void expect_error(ExitCode code, const std::vector<std::string>& words, Call&& call) {
  try {
    call();
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(static_cast<int>(error.code()), static_cast<int>(code)) << error.what();
    for (const std::string& word : words) {
      EXPECT_NE(std::string(error.what()).find(word), std::string::npos) << word << " in: " << error.what();
    }
  }
}

struct SyntheticOptions {
  int64_t rows = 360;
  bool one_class = false;  // of the field `sentiment`, in training rows
  bool test_and_validation = true;
};

// Fields: sentiment (category, now and then missing), topic (category), tags (multi_category), stars (number
// 1 to 3, told by the sentiment), and age, a number of the customer.
inline PreparedTable synthetic_table(const SyntheticOptions& options = {}) {
  const std::vector<std::string> good{"great", "lovely", "很好"}, bad{"broken", "awful", "很差"};
  const std::vector<std::vector<std::string>> topics{
      {"guitar", "strings"}, {"phone", "screen"}, {"shirt", "cotton"}};
  const std::vector<std::string> filler{"the", "it", "was", "bought", "yesterday", "delivery", "box", "and"};
  PreparedTable table;
  table.fields = {{"sentiment", FieldType::category, false, {"bad", "good"}},
                  {"topic", FieldType::category, false, {"clothes", "music", "phones"}},
                  {"tags", FieldType::multi_category, false, {"clothes", "music", "phones", "praise"}},
                  {"stars", FieldType::number, false, {}},
                  {"age", FieldType::number, true, {}}};
  const std::vector<int32_t> topic_codes{1, 2, 0};
  table.values.resize(5);
  const int64_t customers = std::max<int64_t>(1, options.rows / 9);
  for (int64_t row = 0; row < options.rows; ++row) {
    const Random random(5, "synthetic", static_cast<uint64_t>(row));
    const bool positive = options.one_class || random.below(0, 2) == 1;
    const auto topic = static_cast<size_t>(random.below(1, 3));
    std::string text;
    const uint64_t words = 4 + random.below(2, 12);
    for (uint64_t word = 0; word < words; ++word)
      text += filler[random.below(10 + word, filler.size())] + " ";
    text += topics[topic][random.below(3, 2)] + " " + (positive ? good : bad)[random.below(4, 3)];
    table.texts.push_back(text);
    table.customer.push_back(row % customers);
    const bool train = !options.test_and_validation || row % 5 < 3;
    table.split.push_back(train ? Split::train : row % 5 == 3 ? Split::validation : Split::test);
    table.source.emplace_back(0, row + 2);
    table.values[0].codes.push_back(row % 17 == 16 ? -1 : positive ? 1 : 0);
    table.values[1].codes.push_back(topic_codes[topic]);
    std::vector<int32_t> tags{topic_codes[topic]};
    if (positive) tags.push_back(3);
    if (row % 23 == 22) tags.clear();
    table.values[2].multi_codes.push_back(tags);
    table.values[3].numbers.push_back(row % 29 == 28 ? std::numeric_limits<double>::quiet_NaN()
                                      : positive     ? 3.0
                                                     : 1.0);
  }
  for (int64_t customer = 0; customer < customers; ++customer) {
    table.customer_ids.push_back("c" + std::to_string(customer) + "-é");
    table.values[4].numbers.push_back(20.0 + static_cast<double>(customer % 7));
  }
  table.source_names = {"synthetic.csv"};
  table.source_sha256 = {std::string(64, '0')};
  table.settings_sha256 = std::string(64, '1');
  return table;
}

inline Settings synthetic_settings(const fs::path& directory) {
  Settings settings;
  settings.run.directory = directory.string();
  settings.runtime.precision = "f32";
  settings.runtime.threads.value = 1;
  settings.model.architecture = {"bert", 2, 32, 4, 64, 32, "gelu", 0.1};
  settings.model.vocabulary.size = 160;
  settings.train.heads = {{.name = "sentiment", .field = "sentiment"}, {.name = "topic", .field = "topic"}};
  settings.train.max_tokens_per_batch = 400;
  settings.train.num_train_epochs = 6;
  settings.train.learning_rate = 5e-3;
  settings.train.logging_steps = 1;
  settings.extract.rows_per_shard = 50;
  settings.extract.max_tokens_per_batch = 300;
  settings.extract.dtype = "float32";
  return settings;
}

// A run folder with its prepared rows.
class SyntheticRun {
 public:
  explicit SyntheticRun(const fs::path& directory, const SyntheticOptions& options = {})
      : ranks_(Communicator::self()), run_{synthetic_settings(directory), ranks_} {
    make_folder(run_.prepared().parent_path());
    write_prepared(run_.prepared(), synthetic_table(options));
  }
  SyntheticRun(const SyntheticRun&) = delete;
  SyntheticRun& operator=(const SyntheticRun&) = delete;
  Run& run() { return run_; }
  Settings& settings() { return run_.settings; }
  Json summary() const { return read_json(run_.train_folder() / "summary.json"); }

 private:
  Communicator ranks_;
  Run run_;
};

// The values of one tag in metrics.jsonl, by step.
inline std::map<int64_t, double> logged(const Run& run, const std::string& tag) {
  std::map<int64_t, double> values;
  std::ifstream lines(run.train_folder() / "metrics.jsonl");
  for (std::string line; std::getline(lines, line);) {
    const Json record = Json::parse(line);
    if (record.contains(tag)) values[record["step"].get<int64_t>()] = record[tag].get<double>();
  }
  return values;
}

}  // namespace limner::testing
