// USR1, USR2, TERM and INT ask a run to stop; it saves its state at the next step or block and ends with exit
// code 75.
#pragma once

#include "runtime/communicator.h"

namespace limner {

// Once, in main. A second INT or TERM, more than a second after the first signal, ends the process at once.
void watch_signals();
bool stop_requested();  // this rank's flag

// All ranks agree (a collective). True: save and throw interrupted().
inline bool stop_agreed(const Communicator& communicator) {
  return communicator.any(stop_requested(), "agree on stopping");
}
[[noreturn]] void interrupted(
    const char* stage);  // ExitCode::interrupted: "state saved, run the same command again"

}  // namespace limner
