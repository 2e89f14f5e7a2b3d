// Gradient sums on host memory: one nonblocking MPI sum per call, on a communicator of its own.
#include <algorithm>
#include <utility>

#include "runtime/communicator_state.h"

namespace limner {
namespace {

constexpr int64_t piece_elements = int64_t{1} << 28;  // MPI counts are int

}  // namespace

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

  void progress() override {
    for (Pending& sum : pending_) {
      int done = 0;
      state().check(MPI_Test(&sum.request, &done, MPI_STATUS_IGNORE), sum.what);
    }
  }

  void finish() override {
    for (Pending& sum : pending_) state().wait(sum.request, sum.what);
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
