// Errors that users see. Every one names what is wrong, where (file, line, key, row or tensor) and what to
// do.
#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace limner {

// Exit codes of the program, after sysexits.h.
enum class ExitCode : int {
  ok = 0,
  usage = 64,          // wrong command line
  bad_data = 65,       // an input file is malformed or does not fit
  missing_input = 66,  // an input file or folder is missing
  internal = 70,       // a broken invariant: our fault
  io = 74,             // reading or writing failed: disk full, permission, torn file
  interrupted = 75,    // a signal arrived, state is saved: run the same command again
  bad_config = 78,     // the configuration is invalid
};

class Error : public std::runtime_error {
 public:
  Error(ExitCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ExitCode code() const { return code_; }

 private:
  ExitCode code_;
};

// Memory that is not there. Whoever can do with less may catch it; else it ends the run as any other.
class OutOfMemory : public Error {
 public:
  explicit OutOfMemory(const std::string& message) : Error(ExitCode::internal, message) {}
};

template <class... Arguments>
[[noreturn]] void fail(ExitCode code, fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  throw Error(code, fmt::format(format, std::forward<Arguments>(arguments)...));
}

// A caller's mistake inside the program (wrong shape, wrong order of calls): reported as an internal error.
template <class... Arguments>
void require(bool holds, fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  if (!holds) throw Error(ExitCode::internal, fmt::format(format, std::forward<Arguments>(arguments)...));
}

}  // namespace limner
