// What a Communicator holds; shared by communicator.cpp, mpi_reducer.cpp and watchdog.cpp only.
#pragma once

#include <mpi.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "runtime/communicator.h"
#include "runtime/watchdog.h"

namespace limner {

// With one rank there is no MPI communicator: nothing is sent, and messages to itself go through `mailbox`.
struct Communicator::State {
  MPI_Comm comm = MPI_COMM_NULL;
  int rank = 0;
  int size = 1;
  int local_rank = 0;
  int local_size = 1;
  std::string host;
  std::chrono::seconds limit{600};
  std::shared_ptr<Activity> activity = std::make_shared<Activity>();  // shared with duplicates

  std::mutex mutex;
  std::condition_variable arrived;
  std::map<int, std::deque<std::vector<int64_t>>> mailbox;  // by tag

  std::unique_ptr<Watchdog> watchdog;  // of the world communicator

  State() = default;
  ~State();
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void check(int code, const char* what) const;  // an MPI error code becomes an Error
  // Polls; fails after `limit` unless patience is unlimited.
  void wait(MPI_Request& request, const char* what, Patience patience = Patience::limited) const;
  template <class T>
  void all_reduce(std::span<T> values, MPI_Datatype type, MPI_Op operation, const char* what) const;
  [[noreturn]] void fail_timeout(const char* what) const;
};

}  // namespace limner
