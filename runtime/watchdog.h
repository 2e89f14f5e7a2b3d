// Finds a rank that is dead or stopped, or whose host or network is gone, while the others wait for it.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>

namespace limner {

class Communicator;

// What a rank is doing, for the message about it. The texts are string literals.
struct Activity {
  std::atomic<const char*> phase{"start"};
  std::atomic<const char*> operation{"start"};  // the wait for other ranks that was entered last
  std::atomic<bool> waiting{false};             // still in it
};

// The ranks stand in a ring. A small thread in each tells the next rank four times a second that its process
// lives, and listens to the one before. A rank that is silent for the time limit, or whose process on the
// same host is gone, ends the job: its listener, and nobody else, names rank, host, phase and operation, then
// aborts with ExitCode::internal. A rank that works without a word to the others is not silent. Time in which
// the listener itself was stopped does not count.
class Watchdog {
 public:
  explicit Watchdog(const Communicator& ranks);  // more than one rank; all of them together
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;
  void set_time_limit(std::chrono::seconds limit);
  void leave();  // this rank ends on purpose: tells its listener, and stops listening

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace limner
