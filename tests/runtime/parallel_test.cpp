#include "runtime/parallel.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <stdexcept>
#include <vector>

namespace limner {
namespace {

TEST(Parallel, EveryIndexOnce) {
  for (const int threads : {1, 3}) {
    for (const int64_t count : {0, 1, 1009}) {
      std::vector<int> calls(static_cast<size_t>(count));
      parallel_for(count, threads, [&](int64_t index) { ++calls[static_cast<size_t>(index)]; });
      EXPECT_EQ(calls, std::vector<int>(static_cast<size_t>(count), 1));
    }
  }
}

TEST(Parallel, ExceptionsComeOut) {
  for (const int threads : {1, 3}) {
    EXPECT_THROW(parallel_for(50, threads,
                              [](int64_t index) {
                                if (index == 7) throw std::runtime_error("seven");
                              }),
                 std::runtime_error);
  }
}

TEST(Parallel, ThreadsFollowTheSettingThenTheCores) {
  EXPECT_EQ(resolve_threads(5, 2), 5);
  EXPECT_GE(resolve_threads(0, 1), 1);
  EXPECT_GE(resolve_threads(0, 1), resolve_threads(0, 2));
  EXPECT_EQ(resolve_threads(0, 100000), 1);
  cpu_set_t before, one;
  ASSERT_EQ(sched_getaffinity(0, sizeof before, &before), 0);
  CPU_ZERO(&one);
  for (int core = 0; core < CPU_SETSIZE && CPU_COUNT(&one) == 0; ++core) {
    if (CPU_ISSET(core, &before)) CPU_SET(core, &one);
  }
  ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
  EXPECT_EQ(resolve_threads(0, 1), 1);
  sched_setaffinity(0, sizeof before, &before);
}

}  // namespace
}  // namespace limner
