// Hands out units of work to ranks as they ask, so that a slow rank takes fewer.
#pragma once

#include <atomic>
#include <exception>
#include <optional>
#include <thread>

#include "runtime/communicator.h"

namespace limner {

// The numbers 0 to count - 1, each handed out once, in ascending order. A small thread in rank 0 answers the
// other ranks on a communicator of its own: it needs no progress from rank 0's main thread, which works too,
// and it runs over shared memory and over TCP (one-sided windows do not).
class WorkQueue {
 public:
  WorkQueue(const Communicator& ranks, int64_t count);  // all ranks together
  ~WorkQueue();
  WorkQueue(const WorkQueue&) = delete;
  WorkQueue& operator=(const WorkQueue&) = delete;

  // This rank's next unit; nothing when none is left or a rank has called stop(). Not to be called again
  // after that.
  std::optional<int64_t> next();
  // Instead of next(): nobody gets another unit. Units already handed out are still done by their ranks.
  void stop();
  // After next() gave nothing, or stop(): rank 0 waits here until every rank has come so far.
  void finish();

 private:
  Communicator channel_;
  int64_t count_;
  std::atomic<int64_t> handed_out_{0};
  std::atomic<bool> abandoned_{false};
  std::exception_ptr server_error_;
  std::thread server_;  // rank 0 only

  int64_t take();  // rank 0: the next unit or `nothing`
  void serve();
};

}  // namespace limner
