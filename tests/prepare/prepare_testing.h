// Runs prepare on tables in a folder of its own and reads what it made.
#pragma once

#include <gmock/gmock.h>

#include <sstream>
#include <string>
#include <vector>

#include "prepare/prepare.h"
#include "runtime/files.h"
#include "tables/prepared.h"
#include "tests/tables/helpers.h"

namespace limner::testing {

class PrepareTest : public ::testing::Test {
 protected:
  TestFolder folder;

  // `yaml` is what stands under `prepare:`, `$` the folder of the test.
  Settings settings(std::string yaml, int64_t seed = 17, int64_t threads = 2) const {
    for (size_t at = yaml.find('$'); at != std::string::npos; at = yaml.find('$', at)) {
      yaml.replace(at, 1, folder.path().string());
    }
    return parse_settings(
        fmt::format("run: {{directory: {}, seed: {}}}\nruntime: {{threads: {}}}\nprepare:\n{}",
                    (folder / "run").string(), seed, threads, yaml),
        "test.yaml");
  }
  void run(const Settings& of_run) const {
    Communicator alone = Communicator::self();
    prepare(limner::Run{of_run, alone});
  }
  void run(const std::string& yaml) const { run(settings(yaml)); }
  Caught failing(const std::string& yaml) const {
    const Caught caught = catch_error([&] { run(yaml); });
    EXPECT_FALSE(std::filesystem::exists(folder / "run/prepared")) << caught.message;
    if (std::filesystem::exists(folder / "run")) {
      EXPECT_TRUE(std::filesystem::is_empty(folder / "run")) << "something was left behind";
    }
    return caught;
  }
  PreparedReader prepared() const { return PreparedReader(folder / "run/prepared/prepared.h5"); }
  Json quality() const { return read_json(folder / "run/prepared/quality.json"); }
  // "line reason" of every reject.
  std::vector<std::string> rejects() const {
    std::vector<std::string> found;
    std::istringstream lines(read_bytes(folder / "run/prepared/rejects.jsonl"));
    for (std::string line; std::getline(lines, line);) {
      const Json record = Json::parse(line);
      found.push_back(
          fmt::format("{} {}", record.at("line").get<int64_t>(), record.at("reason").get<std::string>()));
    }
    return found;
  }
  void expect_rows(int64_t read, int64_t kept, int64_t duplicates, int64_t rejected) const {
    const Json rows = quality().at("rows");
    EXPECT_EQ(rows.at("read"), read);
    EXPECT_EQ(rows.at("prepared"), kept);
    EXPECT_EQ(rows.at("duplicates"), duplicates);
    EXPECT_EQ(rows.at("rejected"), rejected);
    EXPECT_EQ(prepared().rows(), kept);
  }
};

}  // namespace limner::testing
