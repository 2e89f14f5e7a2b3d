#include "runtime/process.h"

#include <unistd.h>

#include <fstream>

namespace limner {

int64_t resident_bytes() {
  int64_t all_pages = 0, resident_pages = 0;
  std::ifstream("/proc/self/statm") >> all_pages >> resident_pages;
  return resident_pages * sysconf(_SC_PAGESIZE);
}

}  // namespace limner
