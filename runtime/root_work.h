// Rank 0 works while the other ranks wait, without running into the time limit of a collective and without
// missing a signal.
#pragma once

#include <chrono>

#include "runtime/communicator.h"
#include "runtime/interrupt.h"

namespace limner {

// Handed to the work, which calls beat() as often as it can: a signal is obeyed there. At most once a second
// it asks all ranks whether a signal arrived (ExitCode::interrupted).
class Heartbeat {
 public:
  Heartbeat(const Communicator& communicator, const char* stage)
      : communicator_(communicator), stage_(stage) {}
  void beat();

 private:
  using Clock = std::chrono::steady_clock;
  const Communicator& communicator_;
  const char* stage_;
  Clock::time_point last_ = Clock::now();
};

// The two halves of work_on_root().
void wait_for_root(const Communicator& communicator, const char* stage);
void release_waiting(const Communicator& communicator, const char* stage);

// A collective: calls work(heartbeat) on rank 0; returns on all ranks when it is done. An exception of the
// work is thrown on rank 0 alone: main ends the job of all ranks.
template <class Work>
void work_on_root(const Communicator& communicator, const char* stage, Work&& work) {
  if (!communicator.root()) {
    wait_for_root(communicator, stage);
    return;
  }
  Heartbeat heartbeat(communicator, stage);
  work(heartbeat);
  release_waiting(communicator, stage);
}

}  // namespace limner
