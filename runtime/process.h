// Processes, as the system sees them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace limner {

std::string host_name();

int64_t resident_bytes();  // memory in use now: the program, its libraries, MPI, everything

// proc(5): 'R' running, 'S' sleeping, 'T' stopped, 'Z' waiting to be reaped, ...; start in ticks since boot.
struct ProcessStatus {
  char state = 0;
  int64_t started_at = 0;
};
std::optional<ProcessStatus> process_status(int64_t process);  // nothing: there is no such process

}  // namespace limner
