#include "runtime/parallel.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <string>

namespace limner {
namespace {

// Cores that a process may run on; 0 where that cannot be told.
int cores_of(pid_t process) {
  cpu_set_t set;
  CPU_ZERO(&set);
  return sched_getaffinity(process, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 0;
}

// Cores that the container's quota is worth ("200000 100000": two); 0 without a quota.
int cores_of_quota() {
  std::ifstream file("/sys/fs/cgroup/cpu.max");
  std::string quota;
  double period = 0;
  if (!(file >> quota >> period) || quota == "max" || period <= 0) return 0;
  return static_cast<int>(std::ceil(std::stod(quota) / period));
}

}  // namespace

int resolve_threads(int setting, int local_ranks) {
  if (setting > 0) return setting;
  const int own = std::max(cores_of(0), 1);
  // A launcher may have bound this rank to some of the host's cores. What the ranks share is what their
  // launcher, the parent process, may use.
  int shared = std::max(cores_of(getppid()), own);
  const int quota = cores_of_quota();
  if (quota > 0) shared = std::min(shared, quota);
  return std::max(1, std::min(own, shared / std::max(local_ranks, 1)));
}

}  // namespace limner
