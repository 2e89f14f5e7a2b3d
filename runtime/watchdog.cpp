#include "runtime/watchdog.h"

#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <thread>

#include "runtime/communicator_state.h"
#include "runtime/error.h"
#include "runtime/log.h"
#include "runtime/process.h"

namespace limner {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds tick{250};
constexpr std::chrono::seconds farewell_patience{2};

template <size_t Size>
void copy_text(char (&target)[Size], const char* text) {
  std::snprintf(target, Size, "%s", text);
}

// Process numbers mean the same to two ranks only where host and process namespace are the same.
int64_t own_process_namespace() {
  struct stat status {};
  return stat("/proc/self/ns/pid", &status) == 0 ? static_cast<int64_t>(status.st_ino) : 0;
}

// When a process was started, in ticks since boot; 0 if it is gone or only waits to be reaped.
int64_t start_time(int64_t process) {
  const auto status = process_status(process);
  return !status || status->state == 'Z' || status->state == 'X' ? 0 : status->started_at;
}

// A sign of life, sent as bytes: all ranks run the same program.
struct Beat {
  int64_t leaving, waiting;
  int64_t process, started_at, process_namespace;
  char host[64], phase[32], operation[96];
};

}  // namespace

struct Watchdog::State {
  explicit State(const Communicator& ranks) : channel(ranks.duplicate()) {
    own.process = getpid();
    own.started_at = start_time(getpid());
    own.process_namespace = own_process_namespace();
    copy_text(own.host, channel.host().c_str());
  }

  Communicator channel;
  MPI_Comm comm = MPI_COMM_NULL;
  std::shared_ptr<const Activity> activity;
  std::atomic<int64_t> limit_seconds{20};
  Beat own{}, last{};  // last: heard of the rank before this one
  MPI_Request sending = MPI_REQUEST_NULL;

  std::mutex mutex;
  std::condition_variable wake;
  bool leaving = false;
  std::thread thread;

  int watched() const { return (channel.rank() + channel.size() - 1) % channel.size(); }
  bool sent() {
    int done = 0;
    MPI_Test(&sending, &done, MPI_STATUS_IGNORE);
    return done != 0;
  }
  bool send_beat();
  bool receive_beats();
  bool watched_is_near() const;  // its process can be seen from here
  bool watched_process_is_gone() const;
  std::string describe_watched() const;
  void say_farewell();
  void watch();
};

// False: the beat before has not left yet.
bool Watchdog::State::send_beat() {
  if (!sent()) return false;
  own.waiting = activity->waiting ? 1 : 0;
  copy_text(own.phase, activity->phase);
  copy_text(own.operation, activity->operation);
  const int next = (channel.rank() + 1) % channel.size();
  MPI_Isend(&own, static_cast<int>(sizeof own), MPI_BYTE, next, 0, comm, &sending);
  return true;
}

bool Watchdog::State::receive_beats() {
  for (bool heard = false;; heard = true) {
    int waiting = 0;
    MPI_Iprobe(watched(), 0, comm, &waiting, MPI_STATUS_IGNORE);
    if (waiting == 0) return heard;
    MPI_Recv(&last, static_cast<int>(sizeof last), MPI_BYTE, watched(), 0, comm, MPI_STATUS_IGNORE);
  }
}

bool Watchdog::State::watched_is_near() const {
  return last.started_at != 0 && last.process_namespace != 0 &&
         last.process_namespace == own.process_namespace && std::string_view(last.host) == own.host;
}

bool Watchdog::State::watched_process_is_gone() const {
  return watched_is_near() && start_time(last.process) != last.started_at;
}

std::string Watchdog::State::describe_watched() const {
  if (last.process == 0)
    return fmt::format("rank {} of {}, of which nothing was heard", watched(), channel.size());
  return fmt::format("rank {} of {} on {}, process {}, phase {}, {} '{}'", watched(), channel.size(),
                     last.host, last.process, last.phase, last.waiting != 0 ? "waiting in" : "working after",
                     last.operation);
}

// The last beat, so that nobody reports the end of this rank.
void Watchdog::State::say_farewell() {
  const Clock::time_point start = Clock::now();
  const auto try_again = [&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return Clock::now() - start < farewell_patience;
  };
  while (!sent() && try_again()) {
  }
  own.leaving = 1;
  if (!send_beat()) return;
  while (!sent() && try_again()) {
  }
}

void Watchdog::State::watch() {
  pthread_setname_np(pthread_self(), "limner-watch");  // for `ps -L`, and for tests
  Clock::duration silence{};
  Clock::time_point last_look = Clock::now();
  std::unique_lock<std::mutex> lock(mutex);
  for (; !leaving; wake.wait_for(lock, tick, [&] { return leaving; })) {
    lock.unlock();
    send_beat();
    const bool heard = receive_beats();
    // A listener that was stopped itself must not blame the others for its own sleep.
    const Clock::time_point now = Clock::now();
    silence = heard ? Clock::duration{} : silence + std::min<Clock::duration>(now - last_look, 2 * tick);
    last_look = now;
    const bool gone = watched_process_is_gone();
    if (last.leaving == 0 && (gone || silence > std::chrono::seconds(limit_seconds))) {
      log_error("{}: {}; the job ends", describe_watched(),
                gone ? std::string("its process is gone without a word (killed?)")
                     : fmt::format("no sign of life for {} s: it is stopped, or its host or network is gone",
                                   limit_seconds.load()));
      // A launcher that ends a job may wait for a stopped process, which cannot answer.
      if (watched_is_near() && !gone) kill(static_cast<pid_t>(last.process), SIGKILL);
      say_farewell();
      MpiSession::abort(static_cast<int>(ExitCode::internal));
    }
    lock.lock();
  }
  lock.unlock();
  say_farewell();
}

Watchdog::Watchdog(const Communicator& ranks) : state_(std::make_unique<State>(ranks)) {
  state_->comm = state_->channel.state_->comm;
  state_->activity = ranks.state_->activity;
  state_->thread = std::thread(&State::watch, state_.get());
}

Watchdog::~Watchdog() { leave(); }

void Watchdog::set_time_limit(std::chrono::seconds limit) { state_->limit_seconds = limit.count(); }

void Watchdog::leave() {
  {
    const std::lock_guard<std::mutex> lock(state_->mutex);
    state_->leaving = true;
  }
  state_->wake.notify_all();
  if (state_->thread.joinable()) state_->thread.join();
}

}  // namespace limner
