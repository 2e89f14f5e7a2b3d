// Run by several ranks: rank 0 works, the others wait and return.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <thread>

#include "prepare/work.h"
#include "tests/prepare/prepare_testing.h"

namespace limner::testing {
namespace {

Communicator& world() {
  static Communicator communicator = Communicator::world(std::chrono::seconds(3));
  return communicator;
}

TEST(Ranks, WorkMayTakeLongerThanTheTimeLimitOfACollective) {
  ASSERT_GT(world().size(), 1) << "this test is for several ranks";
  int64_t worked = 0;
  work_on_root(world(), "a test", [&](Heartbeat& heartbeat) {
    for (; worked < 50; ++worked) {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      heartbeat.beat();
    }
  });
  EXPECT_EQ(worked, world().root() ? 50 : 0);
}

TEST(Ranks, TheSameBytesAsOneRank) {
  const TestFolder mine;
  std::string shared = mine.path().string();
  world().broadcast(shared, 0, "folder of the test");
  const auto settings = [&](const std::string& run) {
    return parse_settings(
        fmt::format("run: {{directory: {0}/{1}}}\nprepare:\n  sources: [{{path: {0}/t.csv, fields: "
                    "{{customer: c, text: t, label: l}}}}]\n  split: {{by: customer}}\n",
                    shared, run),
        "test.yaml");
  };
  if (world().root()) {
    std::string table = "c,t,l\n";
    for (int row = 0; row < 5000; ++row) table += fmt::format("c{},text {},{}\n", row % 91, row, row % 2);
    mine.write("t.csv", table);
    Communicator alone = Communicator::self();
    prepare(limner::Run{settings("one"), alone});
  }
  prepare(limner::Run{settings("several"), world()});
  if (world().root()) {
    for (const char* name : {"prepared.h5", "quality.json", "rejects.jsonl"}) {
      EXPECT_EQ(read_bytes(mine.path() / "one/prepared" / name),
                read_bytes(mine.path() / "several/prepared" / name));
    }
  }
  EXPECT_EQ(PreparedReader(shared + "/several/prepared/prepared.h5").rows(), 5000);
  world().barrier("end of the test");
}

}  // namespace
}  // namespace limner::testing

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  const limner::MpiSession session(argc, argv);
  return RUN_ALL_TESTS();
}
