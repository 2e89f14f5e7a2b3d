// Run by several ranks: the same bytes as one rank writes.
#include "extract/extract.h"
#include "tests/extract/checkpoint_for_extract.h"
#include "tests/train/shared_folder.h"

namespace limner::testing {
namespace {

std::map<std::string, std::string> shard_hashes(const fs::path& embeddings) {
  std::map<std::string, std::string> hashes;
  for (const auto& entry : fs::directory_iterator(embeddings / "shards")) {
    hashes[entry.path().filename().string()] = sha256_file(entry.path());
  }
  return hashes;
}

TEST(ExtractRanks, SameBytesAsOneRank) {
  ASSERT_GT(world().size(), 1) << "this test is for several ranks";
  SharedFolder folder;
  limner::Run run{synthetic_settings(folder.path() / "many"), world()};
  if (world().root()) {
    make_folder(run.prepared().parent_path());
    write_prepared(run.prepared(), synthetic_table());
    write_checkpoint(run.checkpoints() / "best");
  }
  world().barrier("prepared");
  extract(run);
  if (world().root()) {
    SyntheticRun one(folder.path() / "one");
    write_checkpoint(one.run().checkpoints() / "best");
    extract(one.run());
    EXPECT_EQ(shard_hashes(run.embeddings()), shard_hashes(one.run().embeddings()));
    EXPECT_EQ(read_file(run.embeddings() / "manifest.json"),
              read_file(one.run().embeddings() / "manifest.json"));
    // A torn and a missing shard are made again, by whoever comes first.
    const fs::path shards = run.embeddings() / "shards";
    const std::string first = shard_hashes(run.embeddings()).begin()->first;
    const std::string last = shard_hashes(run.embeddings()).rbegin()->first;
    fs::resize_file(shards / first, 1000);
    fs::remove(shards / last);
  }
  world().barrier("damaged");
  extract(run);
  if (world().root()) {
    EXPECT_EQ(shard_hashes(run.embeddings()), shard_hashes(folder.path() / "one" / "embeddings"));
  }
}

TEST(ExtractRanks, AnErrorIsAnErrorOnEveryRank) {
  SharedFolder folder;
  limner::Run run{synthetic_settings(folder.path() / "none"), world()};
  expect_error(ExitCode::missing_input, {"prepared.h5"}, [&] { extract(run); });
}

}  // namespace
}  // namespace limner::testing
