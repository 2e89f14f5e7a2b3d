// Ranks. `Communicator` is MPI on host memory; `DeviceReducer` is the second communicator that sums gradients
// and gathers weights where they lie (MPI on host memory here; kernels/cuda/nccl_reducer.h on GPUs).
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "runtime/tensor.h"

namespace limner {

// Calls MPI_Init_thread (MPI_THREAD_MULTIPLE) once and MPI_Finalize at the end of main. A program that no
// launcher (mpirun, srun) started runs without MPI, as one rank.
class MpiSession {
 public:
  MpiSession(int& argc, char**& argv);
  ~MpiSession();
  MpiSession(const MpiSession&) = delete;
  MpiSession& operator=(const MpiSession&) = delete;
  // Ends the job of all ranks with this exit code; does not return.
  [[noreturn]] static void abort(int exit_code);
};

enum class Patience : uint8_t { limited, unlimited };  // unlimited: where one rank works alone

// Every collective is entered by all ranks in the same order. A wait longer than the time limit fails with
// rank, host and the name of the operation (ExitCode::internal).
class Communicator {
 public:
  static Communicator world(std::chrono::seconds limit = std::chrono::seconds(600));
  static Communicator self();      // one rank: for tools and tests that must not communicate
  Communicator duplicate() const;  // the same ranks, separate traffic (for the work queue's thread)
  ~Communicator();
  Communicator(Communicator&&) noexcept;
  Communicator& operator=(Communicator&&) noexcept;

  int rank() const;
  int size() const;
  int local_rank() const;  // among the ranks of this host
  int local_size() const;
  const std::string& host() const;
  void set_time_limit(std::chrono::seconds limit);  // runtime.collective_timeout, once it is read
  std::chrono::seconds time_limit() const;
  // From here on a rank that dies or falls silent ends the job (runtime/watchdog.h). All ranks together.
  void watch_ranks();
  void set_silence_limit(std::chrono::seconds limit);  // runtime.silence_timeout, once it is read
  void set_phase(const char* phase) const;             // a string literal, for messages about this rank
  const char* phase() const;
  // Before the end of main, or before MpiSession::abort(): an end on purpose is not reported by others.
  void leave();
  bool root() const { return rank() == 0; }

  // `what` is a string literal: the operation's name in messages.
  void barrier(const char* what, Patience patience = Patience::limited) const;
  void broadcast(std::string& bytes, int root, const char* what, Patience patience = Patience::limited) const;
  template <class T>
  void broadcast_value(T& value, int root, const char* what,
                       Patience patience = Patience::limited) const;  // trivially copyable T
  std::vector<std::string> gather(const std::string& bytes, int root,
                                  const char* what) const;  // empty except at root
  std::vector<std::string> all_gather(const std::string& bytes, const char* what) const;
  void sum(std::span<double> in_place, const char* what) const;
  void sum(std::span<int64_t> in_place, const char* what) const;
  void maximum(std::span<double> in_place, const char* what) const;
  int64_t sum(int64_t value, const char* what) const;
  double sum(double value, const char* what) const;
  bool any(bool value, const char* what) const;  // true on all ranks if true on one

  // Point to point, for the work queue. `tag` >= 0.
  void send(std::span<const int64_t> values, int to, int tag) const;
  void receive(std::span<int64_t> values, int from, int tag) const;
  // The same for long vectors, between different ranks.
  void send(std::span<const float> values, int to, int tag, const char* what) const;
  void receive(std::span<float> values, int from, int tag, const char* what) const;
  void broadcast(std::span<float> values, int root, const char* what) const;
  int poll(int tag) const;  // the rank of a waiting message with this tag, or -1; does not block

 private:
  friend class MpiReducer;
  friend class Watchdog;
  struct State;
  explicit Communicator(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
  void broadcast_bytes(void* data, int64_t bytes, int root, const char* what, Patience patience) const;
};

template <class T>
void Communicator::broadcast_value(T& value, int root, const char* what, Patience patience) const {
  static_assert(std::is_trivially_copyable_v<T>);
  broadcast_bytes(&value, static_cast<int64_t>(sizeof(T)), root, what, patience);
}

// Works on f32 tensors of all ranks in the background: start_…() returns at once, finish() waits for
// everything started. The order of addition is fixed for a given rank count. With one rank nothing happens.
class DeviceReducer {
 public:
  virtual ~DeviceReducer() = default;
  virtual void start_sum(Tensor in_place, const char* what) = 0;
  // The tensor is as many equal parts as there are ranks, one after the other. Part r is rank r's: it gives
  // its own and receives the others'.
  virtual void start_gather(Tensor in_place, const char* what) = 0;
  virtual void progress() = 0;  // Open MPI moves data only inside MPI calls: call between layers
  virtual void finish() = 0;

 protected:
  static int64_t part_elements(const Tensor& whole, int ranks, const char* what);  // of start_gather()
};
std::unique_ptr<DeviceReducer> make_mpi_reducer(const Communicator& communicator);

}  // namespace limner
