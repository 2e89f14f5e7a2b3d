#include "runtime/communicator.h"

#include <sched.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <utility>

#include "runtime/communicator_state.h"
#include "runtime/launcher.h"
#include "runtime/process.h"

namespace limner {
namespace {

using Clock = std::chrono::steady_clock;

// MPI counts are int; longer messages go in pieces.
constexpr int64_t piece_bytes = int64_t{1} << 30;
constexpr size_t piece_floats = size_t{piece_bytes} / sizeof(float);
constexpr int gather_tag = 32767;  // the highest that every MPI has; callers' tags lie below

bool mpi_runs() {
  int initialized = 0;
  int finalized = 0;
  MPI_Initialized(&initialized);
  MPI_Finalized(&finalized);
  return initialized != 0 && finalized == 0;
}

}  // namespace

MpiSession::MpiSession(int& argc, char**& argv) {
  if (!started_by_launcher()) return;
  refuse_launcher_without_mpi();
  int provided = 0;
  const int code = MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &provided);
  require(code == MPI_SUCCESS, "MPI_Init_thread failed with code {}", code);
  require(provided == MPI_THREAD_MULTIPLE,
          "this MPI offers thread level {} only; MPI_THREAD_MULTIPLE is needed", provided);
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
}

MpiSession::~MpiSession() {
  if (mpi_runs()) MPI_Finalize();
}

void MpiSession::abort(int exit_code) {
  std::fflush(stdout);
  std::fflush(stderr);
  if (mpi_runs()) {
    int size = 1;
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    if (size > 1) MPI_Abort(MPI_COMM_WORLD, exit_code);
    MPI_Finalize();  // alone: a quiet end
  }
  std::_Exit(exit_code);
}

Communicator::State::~State() {
  if (comm != MPI_COMM_NULL && mpi_runs()) MPI_Comm_free(&comm);
}

void Communicator::State::check(int code, const char* what) const {
  if (code == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING] = {};
  int length = 0;
  MPI_Error_string(code, text, &length);
  fail(ExitCode::internal, "rank {} on {}: '{}' failed: {}", rank, host, what, text);
}

void Communicator::State::fail_timeout(const char* what) const {
  fail(ExitCode::internal,
       "rank {} on {} waited {} s in '{}' for another rank, which is late or gone; if it is only slow, raise "
       "runtime.collective_timeout",
       rank, host, limit.count(), what);
}

void Communicator::State::wait(MPI_Request& request, const char* what, Patience patience) const {
  const Clock::time_point start = Clock::now();
  activity->operation = what;
  activity->waiting = true;
  for (int64_t tests = 0;; ++tests) {
    int done = 0;
    check(MPI_Test(&request, &done, MPI_STATUS_IGNORE), what);
    if (done != 0) {
      activity->waiting = false;
      return;
    }
    if (tests < 100) continue;
    const auto waited = Clock::now() - start;
    if (waited > limit && patience == Patience::limited) fail_timeout(what);
    // A waiting rank must not take the core of a working one, nor wake up late for a short wait.
    if (waited < std::chrono::milliseconds(2)) {
      sched_yield();
    } else {
      std::this_thread::sleep_for(std::chrono::microseconds(waited < std::chrono::seconds(1) ? 50 : 1000));
    }
  }
}

Communicator::Communicator(std::unique_ptr<State> state) : state_(std::move(state)) {}
Communicator::~Communicator() = default;
Communicator::Communicator(Communicator&&) noexcept = default;
Communicator& Communicator::operator=(Communicator&&) noexcept = default;

Communicator Communicator::world(std::chrono::seconds limit) {
  auto state = std::make_unique<State>();
  state->limit = limit;
  state->host = host_name();
  if (mpi_runs()) {
    MPI_Comm_rank(MPI_COMM_WORLD, &state->rank);
    MPI_Comm_size(MPI_COMM_WORLD, &state->size);
  }
  refuse_singletons(state->size);
  if (state->size > 1) {
    state->check(MPI_Comm_dup(MPI_COMM_WORLD, &state->comm), "duplicate the world communicator");
    MPI_Comm_set_errhandler(state->comm, MPI_ERRORS_RETURN);
    MPI_Comm local = MPI_COMM_NULL;
    state->check(MPI_Comm_split_type(state->comm, MPI_COMM_TYPE_SHARED, state->rank, MPI_INFO_NULL, &local),
                 "find the ranks of this host");
    MPI_Comm_rank(local, &state->local_rank);
    MPI_Comm_size(local, &state->local_size);
    MPI_Comm_free(&local);
  }
  return Communicator(std::move(state));
}

Communicator Communicator::self() {
  auto state = std::make_unique<State>();
  state->host = host_name();
  return Communicator(std::move(state));
}

Communicator Communicator::duplicate() const {
  auto state = std::make_unique<State>();
  state->rank = state_->rank;
  state->size = state_->size;
  state->local_rank = state_->local_rank;
  state->local_size = state_->local_size;
  state->host = state_->host;
  state->limit = state_->limit;
  state->activity = state_->activity;
  if (state_->comm != MPI_COMM_NULL) {
    MPI_Request request = MPI_REQUEST_NULL;
    state_->check(MPI_Comm_idup(state_->comm, &state->comm, &request), "duplicate a communicator");
    state_->wait(request, "duplicate a communicator");
    MPI_Comm_set_errhandler(state->comm, MPI_ERRORS_RETURN);
  }
  return Communicator(std::move(state));
}

int Communicator::rank() const { return state_->rank; }
int Communicator::size() const { return state_->size; }
int Communicator::local_rank() const { return state_->local_rank; }
int Communicator::local_size() const { return state_->local_size; }
const std::string& Communicator::host() const { return state_->host; }
void Communicator::set_time_limit(std::chrono::seconds limit) { state_->limit = limit; }
std::chrono::seconds Communicator::time_limit() const { return state_->limit; }

void Communicator::watch_ranks() {
  if (size() > 1) state_->watchdog = std::make_unique<Watchdog>(*this);
}
void Communicator::set_silence_limit(std::chrono::seconds limit) {
  if (state_->watchdog) state_->watchdog->set_time_limit(limit);
}
void Communicator::leave() {
  if (state_->watchdog) state_->watchdog->leave();
}
void Communicator::set_phase(const char* phase) const { state_->activity->phase = phase; }
const char* Communicator::phase() const { return state_->activity->phase; }

void Communicator::barrier(const char* what, Patience patience) const {
  if (size() == 1) return;
  MPI_Request request = MPI_REQUEST_NULL;
  state_->check(MPI_Ibarrier(state_->comm, &request), what);
  state_->wait(request, what, patience);
}

void Communicator::broadcast_bytes(void* data, int64_t bytes, int root, const char* what,
                                   Patience patience) const {
  if (size() == 1) return;
  for (int64_t first = 0; first < bytes; first += piece_bytes) {
    const auto count = static_cast<int>(std::min(piece_bytes, bytes - first));
    MPI_Request request = MPI_REQUEST_NULL;
    state_->check(
        MPI_Ibcast(static_cast<std::byte*>(data) + first, count, MPI_BYTE, root, state_->comm, &request),
        what);
    state_->wait(request, what, patience);
  }
}

void Communicator::broadcast(std::string& bytes, int root, const char* what, Patience patience) const {
  auto length = static_cast<int64_t>(bytes.size());
  broadcast_value(length, root, what, patience);
  bytes.resize(static_cast<size_t>(length));
  broadcast_bytes(bytes.data(), length, root, what, patience);
}

std::vector<std::string> Communicator::gather(const std::string& bytes, int root, const char* what) const {
  if (size() == 1) return {bytes};
  const auto length = static_cast<int64_t>(bytes.size());
  std::vector<int64_t> lengths(static_cast<size_t>(size()));
  MPI_Request request = MPI_REQUEST_NULL;
  state_->check(
      MPI_Igather(&length, 1, MPI_INT64_T, lengths.data(), 1, MPI_INT64_T, root, state_->comm, &request),
      what);
  state_->wait(request, what);

  if (rank() != root) {
    for (int64_t first = 0; first < length; first += piece_bytes) {
      const auto count = static_cast<int>(std::min(piece_bytes, length - first));
      state_->check(
          MPI_Isend(bytes.data() + first, count, MPI_BYTE, root, gather_tag, state_->comm, &request), what);
      state_->wait(request, what);
    }
    return {};
  }
  std::vector<std::string> parts(lengths.size());
  for (int from = 0; from < size(); ++from) {
    std::string& part = parts[static_cast<size_t>(from)];
    if (from == root) {
      part = bytes;
      continue;
    }
    const int64_t part_bytes = lengths[static_cast<size_t>(from)];
    part.resize(static_cast<size_t>(part_bytes));
    for (int64_t first = 0; first < part_bytes; first += piece_bytes) {
      const auto count = static_cast<int>(std::min(piece_bytes, part_bytes - first));
      state_->check(MPI_Irecv(part.data() + first, count, MPI_BYTE, from, gather_tag, state_->comm, &request),
                    what);
      state_->wait(request, what);
    }
  }
  return parts;
}

std::vector<std::string> Communicator::all_gather(const std::string& bytes, const char* what) const {
  std::vector<std::string> parts = gather(bytes, 0, what);
  parts.resize(static_cast<size_t>(size()));
  std::vector<int64_t> lengths;
  std::string joined;
  for (const std::string& part : parts) {
    lengths.push_back(static_cast<int64_t>(part.size()));
    joined += part;
  }
  broadcast_bytes(lengths.data(), static_cast<int64_t>(lengths.size() * sizeof(int64_t)), 0, what,
                  Patience::limited);
  broadcast(joined, 0, what);
  size_t first = 0;
  for (size_t index = 0; index < parts.size(); ++index) {
    parts[index] = joined.substr(first, static_cast<size_t>(lengths[index]));
    first += parts[index].size();
  }
  return parts;
}

template <class T>
void Communicator::State::all_reduce(std::span<T> values, MPI_Datatype type, MPI_Op operation,
                                     const char* what) const {
  if (size == 1) return;
  constexpr size_t piece_elements = size_t{1} << 27;
  while (!values.empty()) {
    const auto piece = values.first(std::min(values.size(), piece_elements));
    MPI_Request request = MPI_REQUEST_NULL;
    check(MPI_Iallreduce(MPI_IN_PLACE, piece.data(), static_cast<int>(piece.size()), type, operation, comm,
                         &request),
          what);
    wait(request, what);
    values = values.subspan(piece.size());
  }
}

void Communicator::sum(std::span<double> in_place, const char* what) const {
  state_->all_reduce(in_place, MPI_DOUBLE, MPI_SUM, what);
}
void Communicator::sum(std::span<int64_t> in_place, const char* what) const {
  state_->all_reduce(in_place, MPI_INT64_T, MPI_SUM, what);
}
void Communicator::maximum(std::span<double> in_place, const char* what) const {
  state_->all_reduce(in_place, MPI_DOUBLE, MPI_MAX, what);
}
int64_t Communicator::sum(int64_t value, const char* what) const {
  sum(std::span(&value, 1), what);
  return value;
}
double Communicator::sum(double value, const char* what) const {
  sum(std::span(&value, 1), what);
  return value;
}
bool Communicator::any(bool value, const char* what) const {
  return sum(static_cast<int64_t>(value ? 1 : 0), what) > 0;
}

void Communicator::send(std::span<const int64_t> values, int to, int tag) const {
  require(to >= 0 && to < size() && tag >= 0 && tag < gather_tag, "send to rank {} with tag {}", to, tag);
  if (size() == 1) {
    const std::lock_guard<std::mutex> lock(state_->mutex);
    state_->mailbox[tag].emplace_back(values.begin(), values.end());
    state_->arrived.notify_all();
    return;
  }
  MPI_Request request = MPI_REQUEST_NULL;
  state_->check(
      MPI_Isend(values.data(), static_cast<int>(values.size()), MPI_INT64_T, to, tag, state_->comm, &request),
      "send");
  state_->wait(request, "send");
}

void Communicator::receive(std::span<int64_t> values, int from, int tag) const {
  require(from >= 0 && from < size() && tag >= 0 && tag < gather_tag, "receive from rank {} with tag {}",
          from, tag);
  if (size() == 1) {
    std::unique_lock<std::mutex> lock(state_->mutex);
    auto& queue = state_->mailbox[tag];
    if (!state_->arrived.wait_for(lock, state_->limit, [&] { return !queue.empty(); })) {
      state_->fail_timeout("receive");
    }
    require(queue.front().size() <= values.size(), "a message of {} values does not fit into {}",
            queue.front().size(), values.size());
    std::copy(queue.front().begin(), queue.front().end(), values.begin());
    queue.pop_front();
    return;
  }
  MPI_Request request = MPI_REQUEST_NULL;
  state_->check(MPI_Irecv(values.data(), static_cast<int>(values.size()), MPI_INT64_T, from, tag,
                          state_->comm, &request),
                "receive");
  state_->wait(request, "receive");
}

void Communicator::send(std::span<const float> values, int to, int tag, const char* what) const {
  require(to != rank() && to >= 0 && to < size() && tag >= 0 && tag < gather_tag,
          "'{}' from rank {} to rank {} with tag {}", what, rank(), to, tag);
  while (!values.empty()) {
    const auto piece = values.first(std::min(values.size(), piece_floats));
    MPI_Request request = MPI_REQUEST_NULL;
    state_->check(
        MPI_Isend(piece.data(), static_cast<int>(piece.size()), MPI_FLOAT, to, tag, state_->comm, &request),
        what);
    state_->wait(request, what);
    values = values.subspan(piece.size());
  }
}

void Communicator::receive(std::span<float> values, int from, int tag, const char* what) const {
  require(from != rank() && from >= 0 && from < size(), "'{}' at rank {} from rank {}", what, rank(), from);
  while (!values.empty()) {
    const auto piece = values.first(std::min(values.size(), piece_floats));
    MPI_Request request = MPI_REQUEST_NULL;
    state_->check(
        MPI_Irecv(piece.data(), static_cast<int>(piece.size()), MPI_FLOAT, from, tag, state_->comm, &request),
        what);
    state_->wait(request, what);
    values = values.subspan(piece.size());
  }
}

void Communicator::broadcast(std::span<float> values, int root, const char* what) const {
  broadcast_bytes(values.data(), static_cast<int64_t>(values.size_bytes()), root, what, Patience::limited);
}

int Communicator::poll(int tag) const {
  if (size() == 1) {
    const std::lock_guard<std::mutex> lock(state_->mutex);
    const auto found = state_->mailbox.find(tag);
    return found == state_->mailbox.end() || found->second.empty() ? -1 : 0;
  }
  int waiting = 0;
  MPI_Status status;
  state_->check(MPI_Iprobe(MPI_ANY_SOURCE, tag, state_->comm, &waiting, &status), "poll");
  return waiting != 0 ? status.MPI_SOURCE : -1;
}

}  // namespace limner
