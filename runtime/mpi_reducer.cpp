// Sums and gathers of host memory: one nonblocking MPI operation per call, on a communicator of its own.
#include <algorithm>
#include <limits>
#include <utility>

#include "runtime/communicator_state.h"

namespace limner {
namespace {

constexpr int64_t piece_elements = int64_t{1} << 28;  // MPI counts are int

}  // namespace

int64_t DeviceReducer::part_elements(const Tensor& whole, int ranks, const char* what) {
  require(whole.elements() % ranks == 0, "'{}': {} elements are not {} equal parts", what, whole.elements(),
          ranks);
  return whole.elements() / ranks;
}

class MpiReducer : public DeviceReducer {
 public:
  explicit MpiReducer(Communicator communicator) : communicator_(std::move(communicator)) {}

  void start_sum(Tensor in_place, const char* what) override {
    require(in_place.device == Device::cpu, "the MPI reducer sums host memory only ({})", what);
    float* values = in_place.as<float>();
    if (communicator_.size() == 1) return;
    for (int64_t first = 0; first < in_place.elements(); first += piece_elements) {
      const auto count = static_cast<int>(std::min(piece_elements, in_place.elements() - first));
      pending_.push_back({MPI_REQUEST_NULL, what});
      state().check(MPI_Iallreduce(MPI_IN_PLACE, values + first, count, MPI_FLOAT, MPI_SUM, state().comm,
                                   &pending_.back().request),
                    what);
    }
  }

  void start_gather(Tensor in_place, const char* what) override {
    require(in_place.device == Device::cpu, "the MPI reducer gathers host memory only ({})", what);
    float* values = in_place.as<float>();
    const int64_t part = part_elements(in_place, communicator_.size(), what);
    if (communicator_.size() == 1) return;
    require(part <= std::numeric_limits<int>::max(), "'{}': parts of {} elements; MPI counts them in int",
            what, part);
    pending_.push_back({MPI_REQUEST_NULL, what});
    state().check(MPI_Iallgather(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, values, static_cast<int>(part),
                                 MPI_FLOAT, state().comm, &pending_.back().request),
                  what);
  }

  void progress() override {
    for (Pending& operation : pending_) {
      int done = 0;
      state().check(MPI_Test(&operation.request, &done, MPI_STATUS_IGNORE), operation.what);
    }
  }

  void finish() override {
    for (Pending& operation : pending_) state().wait(operation.request, operation.what);
    pending_.clear();
  }

 private:
  struct Pending {
    MPI_Request request;
    const char* what;
  };
  Communicator communicator_;
  std::vector<Pending> pending_;

  const Communicator::State& state() const { return *communicator_.state_; }
};

std::unique_ptr<DeviceReducer> make_mpi_reducer(const Communicator& communicator) {
  return std::make_unique<MpiReducer>(communicator.duplicate());
}

}  // namespace limner
