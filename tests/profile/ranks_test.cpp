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

void expect_same_files(const fs::path& one, const fs::path& other, int least) {
  int files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(one)) {
    if (!entry.is_regular_file()) continue;
    const fs::path name = fs::relative(entry.path(), one);
    EXPECT_TRUE(read_file(entry.path()) == read_file(other / name)) << name;
    ++files;
  }
  EXPECT_GE(files, least);
}

// By rank 0 alone, then by all; both folders are compared.
void profile_twice(const Settings& settings, const fs::path& shared, int least_files) {
  const fs::path folder = shared / "profile", alone = shared / "profile-alone";
  if (world().root()) {
    fs::remove_all(alone);
    Communicator self = Communicator::self();
    profile({settings, self});
    fs::rename(folder, alone);
  }
  world().barrier("profiled alone");
  profile({settings, world()});
  world().barrier("profiled");
  if (world().root()) expect_same_files(alone, folder, least_files);
}

// Segments and a model of word vectors, and new customers put into them.
TEST(Ranks, GiveTheSameWordVectors) {
  const TemporaryFolder mine;
  std::string shared = mine.path().string();
  world().broadcast(shared, 0, "folder");
  const fs::path folder = shared;
  if (world().root()) {
    write_run_folder(folder, {.customers = 700});
    write_file(folder / "vectors.txt", "5 2\nguitar 1 0\nband 0.9 0.2\n味道 0 1\n外卖 0.1 1\nnovel -1 0.5\n");
  }
  world().barrier("written");
  Settings settings;
  settings.run.directory = shared;
  settings.runtime.threads.value = 1;
  settings.profile.topics.k.value = 3;
  settings.profile.topics.passes = 1;
  settings.profile.words.vectors = (folder / "vectors.txt").string();
  settings.profile.words.max_share = 1;
  settings.profile.segments.vectors = "word_vectors";
  settings.profile.segments.k.value = 3;
  RegressionSettings spend;
  spend.target = "spend";
  spend.features = {"word_vectors", "topics"};
  settings.profile.regressions = {spend};
  profile_twice(settings, folder, 16);
  if (world().root()) fs::rename(folder / "profile", folder / "fitted");
  world().barrier("moved");
  settings.prepare.fitted_from = (folder / "prepared/prepared.h5").string();
  settings.profile.fitted_from = (folder / "fitted").string();
  settings.profile.words.vectors.reset();
  profile_twice(settings, folder, 6);
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
  if (world().root()) expect_same_files(fs::path(shared) / "profile-alone", fs::path(shared) / "profile", 16);
}

}  // namespace
}  // namespace limner
