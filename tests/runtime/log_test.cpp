#include "runtime/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace limner {
namespace {

using testing::ContainsRegex;
using testing::MatchesRegex;

TEST(Log, RankZeroShowsEverything) {
  testing::internal::CaptureStderr();
  start_log(0, 3, "node1");
  log_info("rows {}", 3);
  log_warning("odd");
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              MatchesRegex("[0-9]+:[0-9]+:[0-9]+ info    rows 3\n[0-9]+:[0-9]+:[0-9]+ warning odd\n"));
}

TEST(Log, OtherRanksWarnWithTheirName) {
  testing::internal::CaptureStderr();
  start_log(2, 3, "node1");
  log_info("quiet");
  log_error("bad {}", "thing");
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              MatchesRegex("[0-9]+:[0-9]+:[0-9]+ error   .rank 2 node1. bad thing\n"));
  start_log(0, 1, "node1");
}

TEST(Log, NothingGoesToStandardOutput) {
  testing::internal::CaptureStdout();
  log_error("not a result");
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
}

}  // namespace
}  // namespace limner
