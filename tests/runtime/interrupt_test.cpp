#include "runtime/interrupt.h"

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "runtime/files.h"
#include "tests/runtime/temporary_folder.h"

namespace limner {
namespace {

// Each test's signals live in a process of their own.
template <class Body>
void expect_exit(int code, Body&& body) {
  EXPECT_EXIT(
      {
        watch_signals();
        body();
        _exit(stop_requested() ? 1 : 0);
      },
      testing::ExitedWithCode(code), "");
}

void wait_past_patience() { std::this_thread::sleep_for(std::chrono::milliseconds(1100)); }

TEST(InterruptDeathTest, NoSignalNoStop) {
  expect_exit(0, [] {});
}

TEST(InterruptDeathTest, FirstSignalOnlySetsTheFlag) {
  for (const int signal : {SIGUSR1, SIGUSR2, SIGTERM, SIGINT}) {
    expect_exit(1, [&] { raise(signal); });
  }
}

TEST(InterruptDeathTest, SecondTermEndsTheProcess) {
  expect_exit(128 + SIGTERM, [] {
    raise(SIGUSR1);
    wait_past_patience();
    raise(SIGTERM);
  });
  expect_exit(128 + SIGINT, [] {
    raise(SIGINT);
    wait_past_patience();
    raise(SIGINT);
  });
}

TEST(InterruptDeathTest, TheSameRequestTwiceIsOne) {
  expect_exit(1, [] {
    raise(SIGTERM);
    raise(SIGTERM);
  });
  expect_exit(1, [] {
    raise(SIGUSR1);
    wait_past_patience();
    raise(SIGUSR1);
  });
}

TEST(Interrupt, StopIsAnErrorThatSaysWhatToDo) {
  EXPECT_FALSE(stop_agreed(Communicator::self()));
  expect_error(ExitCode::interrupted, {"train", "same command again"}, [] { interrupted("train"); });
}

}  // namespace
}  // namespace limner
