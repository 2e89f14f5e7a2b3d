// Run by several ranks.
#include "extract/work_queue.h"

#include <algorithm>
#include <chrono>

#include "tests/train/shared_folder.h"

namespace limner::testing {
namespace {

// What all ranks got, in ascending order.
std::vector<int64_t> all_units(const std::vector<int64_t>& mine) {
  std::string bytes(reinterpret_cast<const char*>(mine.data()), mine.size() * sizeof(int64_t));
  std::vector<int64_t> units;
  for (const std::string& part : world().all_gather(bytes, "gather units")) {
    const auto* first = reinterpret_cast<const int64_t*>(part.data());
    units.insert(units.end(), first, first + part.size() / sizeof(int64_t));
  }
  std::sort(units.begin(), units.end());
  return units;
}

std::vector<int64_t> first_numbers(int64_t count) {
  std::vector<int64_t> numbers;
  for (int64_t i = 0; i < count; ++i) numbers.push_back(i);
  return numbers;
}

TEST(WorkQueue, HandsOutEveryUnitOnce) {
  ASSERT_GT(world().size(), 1) << "this test is for several ranks";
  for (const int64_t count : {0, 1, 2, 500}) {
    WorkQueue queue(world(), count);
    std::vector<int64_t> mine;
    while (const auto unit = queue.next()) mine.push_back(*unit);
    queue.finish();
    EXPECT_TRUE(std::is_sorted(mine.begin(), mine.end()));
    EXPECT_EQ(all_units(mine), first_numbers(count));
  }
}

// The others go on while rank 0 is busy outside of MPI, and take what it would have taken.
TEST(WorkQueue, ASlowRankTakesFewer) {
  WorkQueue queue(world(), 60);
  std::vector<int64_t> mine;
  while (const auto unit = queue.next()) {
    mine.push_back(*unit);
    std::this_thread::sleep_for(std::chrono::milliseconds(world().root() ? 200 : 2));
  }
  queue.finish();
  EXPECT_EQ(all_units(mine), first_numbers(60));
  if (world().root()) {
    EXPECT_LT(mine.size(), 15u);
  }
}

TEST(WorkQueue, StopOfAnyRankEndsIt) {
  for (const int stopper : {0, world().size() - 1}) {
    WorkQueue queue(world(), 5000);
    int64_t done = 0;
    for (;;) {
      if (world().rank() == stopper && done == 3) {
        queue.stop();
        break;
      }
      if (!queue.next()) break;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      ++done;
    }
    queue.finish();
    EXPECT_LT(world().sum(done, "count"), 2500);
    EXPECT_EQ(world().rank() == stopper ? done : 3, 3);
  }
}

// An error in one rank's work leaves the queue without finish(): no rank may hang in its destructor.
TEST(WorkQueue, IsLeftWithoutFinishing) {
  {
    WorkQueue queue(world(), 100);
    if (!world().root()) {
      while (queue.next()) {
      }
    } else {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    world().barrier("others are done");
  }
  world().barrier("end of test");
}

}  // namespace
}  // namespace limner::testing
