#include "runtime/root_work.h"

namespace limner {

namespace {

enum class Signal : uint8_t { working, done };

}  // namespace

void Heartbeat::beat() {
  const auto now = Clock::now();
  if (now - last_ < std::chrono::seconds(1)) return;
  last_ = now;
  Signal signal = Signal::working;
  communicator_.broadcast_value(signal, 0, stage_);
  if (stop_agreed(communicator_)) interrupted(stage_);
}

void wait_for_root(const Communicator& communicator, const char* stage) {
  while (true) {
    Signal signal = Signal::working;
    communicator.broadcast_value(signal, 0, stage, Patience::unlimited);
    if (signal == Signal::done) return;
    if (stop_agreed(communicator)) interrupted(stage);
  }
}

void release_waiting(const Communicator& communicator, const char* stage) {
  Signal signal = Signal::done;
  communicator.broadcast_value(signal, 0, stage);
}

}  // namespace limner
