#include "runtime/progress.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <thread>

#include "runtime/log.h"

namespace limner {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

TEST(Progress, OffATerminalIsAPlainLine) {
  testing::internal::CaptureStderr();
  start_log(0, 1, "host");
  {
    Progress progress("extract", 200, "rows", true);
    for (int64_t row = 1; row <= 100; ++row) progress.update(row, "loss 0.5");
  }
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_THAT(text,
              AllOf(HasSubstr("extract: 50 %, 100/200 rows"), HasSubstr("rows/s"), Not(HasSubstr("\x1b"))));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
}

TEST(Progress, OtherRanksShowNothing) {
  testing::internal::CaptureStderr();
  { Progress("extract", 200, "rows", false).update(1); }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

// What the bar draws on a terminal: standard error is a pseudo-terminal meanwhile.
std::string drawn(const char* term, const char* no_color) {
  setenv("TERM", term, 1);
  setenv("NO_COLOR", no_color, 1);
  const int terminal = posix_openpt(O_RDWR | O_NOCTTY);
  EXPECT_TRUE(terminal >= 0 && grantpt(terminal) == 0 && unlockpt(terminal) == 0);
  const int other_end = open(ptsname(terminal), O_RDWR | O_NOCTTY);
  const int before = dup(STDERR_FILENO);
  dup2(other_end, STDERR_FILENO);
  {
    Progress progress("train", 4, "steps", true);
    std::this_thread::sleep_for(std::chrono::milliseconds(120));
    progress.update(1, "loss 0.5");
    progress.update(2, "too soon to draw");
  }
  dup2(before, STDERR_FILENO);
  close(before);
  close(other_end);
  std::string text, piece(4096, '\0');  // in as many pieces as the terminal likes; EIO at the end
  for (ssize_t got; (got = read(terminal, piece.data(), piece.size())) > 0;) {
    text.append(piece, 0, static_cast<size_t>(got));
  }
  close(terminal);
  return text;
}

TEST(Progress, OnATerminalIsABar) {
  const std::string text = drawn("xterm", "");
  EXPECT_THAT(text,
              AllOf(HasSubstr("\r\x1b[Ktrain "), HasSubstr("━"), HasSubstr(" 25 %"), HasSubstr("1/4 steps"),
                    HasSubstr("left"), HasSubstr("\x1b[32m"), HasSubstr("loss 0.5")));
  EXPECT_THAT(text, HasSubstr("2/4 steps"));
  EXPECT_THAT(text, testing::EndsWith("\n"));
}

TEST(Progress, NoColorAndDumbTerminalsAreHonoured) {
  const std::string plain = drawn("xterm", "1");
  EXPECT_THAT(plain, AllOf(HasSubstr("━"), Not(HasSubstr("\x1b[32m"))));
  EXPECT_THAT(drawn("dumb", ""), Not(HasSubstr("━")));
}

TEST(Progress, UnknownTotalHasNoShare) {
  testing::internal::CaptureStderr();
  { Progress("read", 0, "rows", true).update(7); }
  EXPECT_THAT(testing::internal::GetCapturedStderr(), AllOf(HasSubstr("read: 7 rows"), Not(HasSubstr("%"))));
}

}  // namespace
}  // namespace limner
