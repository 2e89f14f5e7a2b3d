#include "runtime/process.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

namespace limner {

std::string host_name() {
  char host[256] = {};
  gethostname(host, sizeof host - 1);
  return host;
}

int64_t resident_bytes() {
  int64_t all_pages = 0, resident_pages = 0;
  std::ifstream("/proc/self/statm") >> all_pages >> resident_pages;
  return resident_pages * sysconf(_SC_PAGESIZE);
}

std::optional<ProcessStatus> process_status(int64_t process) {
  std::ifstream file(fmt::format("/proc/{}/stat", process));
  std::string line;
  std::getline(file, line);
  const size_t name_end = line.rfind(')');  // the name may hold blanks and brackets
  if (name_end == std::string::npos || name_end + 2 >= line.size()) return std::nullopt;
  size_t at = name_end + 2;
  ProcessStatus status{.state = line[at]};
  for (int field = 3; field < 22; ++field) {  // state is field 3, starttime field 22
    at = line.find(' ', at);
    if (at == std::string::npos) return std::nullopt;
    ++at;
  }
  status.started_at = std::strtoll(line.c_str() + at, nullptr, 10);
  return status;
}

}  // namespace limner
