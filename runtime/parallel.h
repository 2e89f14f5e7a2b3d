// Threads of one rank. The result of a parallel loop never depends on the number of threads: work is cut by
// fixed blocks.
#pragma once

#include <omp.h>

#include <cstdint>
#include <exception>
#include <mutex>

namespace limner {

// Calls function(index) for every index in [0, count), on `threads` threads; the first exception is thrown
// again here.
template <class Function>
void parallel_for(int64_t count, int threads, Function&& function) {
  if (threads <= 1 || count <= 1) {
    for (int64_t index = 0; index < count; ++index) function(index);
    return;
  }
  std::exception_ptr error;
  std::mutex mutex;
#pragma omp parallel for num_threads(threads) schedule(dynamic, 1)
  for (int64_t index = 0; index < count; ++index) {
    try {
      function(index);
    } catch (...) {
      const std::lock_guard<std::mutex> lock(mutex);
      if (!error) error = std::current_exception();
    }
  }
  if (error) std::rethrow_exception(error);
}

// Threads for this rank: the setting, or (0 = auto) the cores this process may run on shared by the ranks of
// this host.
int resolve_threads(int setting, int local_ranks);

}  // namespace limner
