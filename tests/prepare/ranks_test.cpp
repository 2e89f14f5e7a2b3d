// Run by several ranks: rank 0 works, the others wait and return.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <thread>

#include "runtime/root_work.h"
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

// Every step of prepare has something to do.
constexpr const char* every_step = R"(
  sources:
    - {path: $/t.csv, fields: {customer: c, text: t, time: at, label: l, n: n, m: m}}
    - {path: $/c.csv, fields: {customer: id, age: age}}
    - {path: $/e.csv, holds: events, fields: {customer: c, time: at, kind: kind, amount: paid}}
  types: {n: number, m: number, age: number}
  rules: [{field: n, check: range, high: 900}, {field: label, check: pattern, pattern: '[a-z]+'}]
  missing: {n: mean, m: cubic_spline, age: median, label: most_frequent}
  max_missing: {row: 0.7, column: 0.9}
  outliers: [{field: n, action: drop}, {field: age, method: z_score, action: clip}]
  scaling: {n: standard, age: min_max, event_amount: standard}
  near_duplicates: {threshold: 0.7}
  split: {by: customer}
)";

void write_tables(const TestFolder& folder) {
  std::string texts = "c,t,at,l,n,m\n", customers = "id,age\n", events = "c,at,kind,paid\n";
  for (int row = 0; row < 5000; ++row) {
    const std::string n = row % 50 == 0 ? "" : std::to_string(row == 77 ? 800 : row == 78 ? 5000 : row % 13);
    texts += fmt::format("c{},the text of row number {} of all,{},{},{},{}\n", row % 91, row * 7919 % 100003,
                         1600000000 + row * 1000,
                         row % 3 == 0   ? ""
                         : row % 2 == 0 ? "good"
                                        : "bad",
                         n, row % 4 == 0 ? "" : std::to_string(row % 17));
    events +=
        fmt::format("c{},{},{},{}\n", row % 83, 1600000000 + row * 3000, row % 5 == 0 ? "purchase" : "view",
                    row % 5 == 0 ? fmt::format("{}.1", row % 7) : "");
  }
  for (int customer = 0; customer < 91; ++customer)
    customers += fmt::format("c{},{}\n", customer, customer % 9 == 0 ? "" : std::to_string(20 + customer));
  folder.write("t.csv", texts);
  folder.write("c.csv", customers);
  folder.write("e.csv", events);
}

TEST(Ranks, TheSameBytesAsOneRank) {
  world().set_time_limit(std::chrono::seconds(60));  // the others wait while one rank works alone
  const TestFolder mine;
  std::string shared = mine.path().string();
  world().broadcast(shared, 0, "folder of the test");
  const auto settings = [&](const std::string& run) {
    std::string yaml = fmt::format("run: {{directory: {}/{}}}\nprepare:", shared, run) + every_step;
    for (size_t at = yaml.find('$'); at != std::string::npos; at = yaml.find('$'))
      yaml.replace(at, 1, shared);
    return parse_settings(yaml, "test.yaml");
  };
  if (world().root()) {
    write_tables(mine);
    Communicator alone = Communicator::self();
    prepare(limner::Run{settings("one"), alone});
  }
  prepare(limner::Run{settings("several"), world()});
  if (world().root()) {
    for (const char* name : {"prepared.h5", "quality.json", "rejects.jsonl"}) {
      EXPECT_EQ(read_bytes(mine.path() / "one/prepared" / name),
                read_bytes(mine.path() / "several/prepared" / name));
    }
    const Json rows = read_json(mine.path() / "several/prepared/quality.json").at("rows");
    for (const char* count : {"prepared", "near_duplicates", "rejected"})
      EXPECT_GT(rows.at(count), 0) << count;
  }
  EXPECT_GT(PreparedReader(shared + "/several/prepared/prepared.h5").rows(), 100);
  world().barrier("end of the test");
}

}  // namespace
}  // namespace limner::testing
