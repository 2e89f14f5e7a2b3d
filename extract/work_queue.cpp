#include "extract/work_queue.h"

#include <array>
#include <chrono>

namespace limner {
namespace {

// A rank sends one of these on ask_tag; wants_unit is answered on answer_tag with a unit or `nothing`. A rank
// that was told `nothing`, or said stops_all, sends no more.
constexpr int ask_tag = 1, answer_tag = 2;
constexpr int64_t wants_unit = 1, stops_all = 2;
constexpr int64_t nothing = -1;
// A rank waits this long for its next shard at most, and a look costs the working threads of rank 0 some 30
// us.
constexpr std::chrono::milliseconds pause{2};

}  // namespace

WorkQueue::WorkQueue(const Communicator& ranks, int64_t count) : channel_(ranks.duplicate()), count_(count) {
  if (channel_.root() && channel_.size() > 1) server_ = std::thread(&WorkQueue::serve, this);
}

WorkQueue::~WorkQueue() {
  abandoned_ = true;  // without finish() an error is on its way out of rank 0: do not wait for the others
  if (server_.joinable()) server_.join();
}

std::optional<int64_t> WorkQueue::next() {
  int64_t unit = nothing;
  if (channel_.root()) {
    unit = take();
  } else {
    channel_.send(std::array{wants_unit}, 0, ask_tag);
    channel_.receive(std::span(&unit, 1), 0, answer_tag);
  }
  return unit == nothing ? std::nullopt : std::optional(unit);
}

void WorkQueue::stop() {
  if (channel_.root()) {
    handed_out_ = count_;
  } else {
    channel_.send(std::array{stops_all}, 0, ask_tag);
  }
}

void WorkQueue::finish() {
  if (server_.joinable()) server_.join();
  if (server_error_) std::rethrow_exception(server_error_);
}

int64_t WorkQueue::take() {
  int64_t unit = handed_out_.load();
  do {
    if (unit >= count_) return nothing;
  } while (!handed_out_.compare_exchange_weak(unit, unit + 1));
  return unit;
}

void WorkQueue::serve() {
  try {
    int asking = channel_.size() - 1;
    while (asking > 0 && !abandoned_) {
      const int rank = channel_.poll(ask_tag);
      if (rank < 0) {
        std::this_thread::sleep_for(pause);
        continue;
      }
      int64_t request = 0;
      channel_.receive(std::span(&request, 1), rank, ask_tag);
      if (request == stops_all) {
        handed_out_ = count_;
        --asking;
        continue;
      }
      const int64_t unit = take();
      if (unit == nothing) --asking;
      channel_.send(std::array{unit}, rank, answer_tag);
    }
  } catch (...) {
    server_error_ = std::current_exception();
  }
}

}  // namespace limner
