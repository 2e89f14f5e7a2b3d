#include "runtime/interrupt.h"

#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <atomic>

namespace limner {
namespace {

std::atomic<int64_t> first_signal_at{0};  // monotonic milliseconds; 0: none yet
static_assert(std::atomic<int64_t>::is_always_lock_free, "a signal handler may only touch lock-free atomics");

int64_t monotonic_milliseconds() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1000000 + 1;
}

// mpirun forwards USR1 and USR2 to every rank, and a scheduler may send them to the ranks as well: the same
// request comes twice at once. So USR1 and USR2 only ever ask; a second INT or TERM insists, once the first
// signal is a second old.
void on_signal(int signal) {
  constexpr int64_t patience_milliseconds = 1000;
  const int64_t now = monotonic_milliseconds();
  int64_t first = 0;
  if (first_signal_at.compare_exchange_strong(first, now)) return;
  const bool insists = signal == SIGINT || signal == SIGTERM;
  if (insists && now - first > patience_milliseconds) _exit(128 + signal);
}

}  // namespace

void watch_signals() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  for (const int signal : {SIGUSR1, SIGUSR2, SIGTERM, SIGINT}) sigaction(signal, &action, nullptr);
  // A file over the size limit is an error of write() with a message, not the end of the process.
  signal(SIGXFSZ, SIG_IGN);
}

bool stop_requested() { return first_signal_at.load() != 0; }

void interrupted(const char* stage) {
  fail(ExitCode::interrupted, "{} was interrupted; its state is saved: run the same command again to go on",
       stage);
}

}  // namespace limner
