// The same profile for any number of ranks. Run by several ranks.
#include <gtest/gtest.h>

#include "profile/profile.h"
#include "tests/profile/run_folder.h"
#include "tests/runtime/temporary_folder.h"

namespace limner {
namespace {

Communicator& world() {
  static Communicator communicator = Communicator::world(std::chrono::seconds(120));
  return communicator;
}

// Enough rows and customers for several blocks on each rank, and two ranks with one block more than the
// third.
TEST(Ranks, GiveTheSameProfile) {
  ASSERT_GT(world().size(), 1) << "this test is for several ranks";
  const TemporaryFolder mine;
  std::string shared = mine.path().string();
  world().broadcast(shared, 0, "folder");
  RunFolderOptions options;
  options.customers = 2100;
  constexpr int64_t passes = 2;  // enough updates of the topics to tell orders apart
  Settings settings;
  settings.run.directory = shared;
  if (world().root()) {
    settings = write_run_folder(shared, options);
    settings.profile.topics.passes = passes;
    Communicator alone = Communicator::self();
    profile({settings, alone});
    fs::rename(fs::path(shared) / "profile", fs::path(shared) / "profile-alone");
  }
  world().barrier("written");
  settings.profile.topics.passes = passes;
  settings.runtime.threads.value = 2;  // threads must not matter either
  profile({settings, world()});
  world().barrier("profiled");
  if (!world().root()) return;
  int files = 0;
  const fs::path alone = fs::path(shared) / "profile-alone";
  for (const auto& entry : fs::recursive_directory_iterator(alone)) {
    if (!entry.is_regular_file()) continue;
    const fs::path name = fs::relative(entry.path(), alone);
    EXPECT_TRUE(read_file(entry.path()) == read_file(fs::path(shared) / "profile" / name)) << name;
    ++files;
  }
  EXPECT_GE(files, 16);
}

}  // namespace
}  // namespace limner

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  const limner::MpiSession session(argc, argv);
  return RUN_ALL_TESTS();
}
