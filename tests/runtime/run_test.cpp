#include "runtime/run.h"

#include "runtime/files.h"
#include "tests/runtime/temporary_folder.h"

namespace limner {
namespace {

TEST(Run, StagesAreRecordedAndRecognised) {
  const TemporaryFolder folder;
  Communicator communicator = Communicator::self();
  limner::Run run{Settings(), communicator};
  run.settings.run.directory = folder.path() / "runs" / "a";
  EXPECT_NE(recorded_fingerprint(run, "prepare"), "abc");
  record_stage(run, "prepare", "abc", 1.5);
  record_stage(run, "train", "def", 2.5);
  EXPECT_EQ(recorded_fingerprint(run, "prepare"), "abc");
  EXPECT_EQ(recorded_fingerprint(run, "train"), "def");
  EXPECT_NE(recorded_fingerprint(run, "train"), "abc");
  record_stage(run, "prepare", "xyz", 1.5);
  EXPECT_NE(recorded_fingerprint(run, "prepare"), "abc");

  const Json entry = read_json(run.directory() / "run.json")["stages"]["train"];
  EXPECT_EQ(entry["fingerprint"], "def");
  EXPECT_EQ(entry["seconds"], 2.5);
  EXPECT_EQ(entry["ranks"], 1);
  EXPECT_FALSE(entry["host"].get<std::string>().empty());
  EXPECT_FALSE(entry["version"].get<std::string>().empty());
  EXPECT_THAT(entry["finished_at"].get<std::string>(), testing::MatchesRegex("20.*T.*:.*:.*Z"));

  write_file(run.directory() / "run.json", "[]");
  expect_error(ExitCode::bad_data, {"run.json"}, [&] { recorded_fingerprint(run, "prepare"); });
}

TEST(Run, ThreadsComeFromTheSettings) {
  Communicator communicator = Communicator::self();
  limner::Run run{Settings(), communicator};
  run.settings.runtime.threads.value = 3;
  EXPECT_EQ(run.threads(), 3);
}

}  // namespace
}  // namespace limner
