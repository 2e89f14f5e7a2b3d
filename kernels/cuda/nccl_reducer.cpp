#include "kernels/cuda/nccl_reducer.h"

#include <sched.h>

#include <chrono>
#include <cstdlib>
#include <span>
#include <thread>
#include <vector>

#include "kernels/cuda/check_cuda.h"
#include "kernels/cuda/nccl_library.h"
#include "runtime/error.h"

namespace limner {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kArrivedTag = 1;
// A rank that waits longer tells the others which operation it has come to, so that who gives up can name
// those that have not.
constexpr auto kSlow = std::chrono::milliseconds(100);

class NcclReducer final : public DeviceReducer {
 public:
  NcclReducer(const NcclLibrary& nccl, GpuStream& compute, const Communicator& ranks)
      : nccl_(nccl),
        compute_(compute),
        ranks_(ranks.duplicate()),
        arrived_(static_cast<size_t>(ranks.size())) {
    check_cuda(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking));
    check_cuda(cudaEventCreateWithFlags(&ready_, cudaEventDisableTiming));
    check_cuda(cudaEventCreateWithFlags(&done_, cudaEventDisableTiming));
    start();
  }
  // Nothing here waits for another rank, which may be gone.
  ~NcclReducer() override {
    if (nccl_comm_ != nullptr) static_cast<void>(nccl_.abort(nccl_comm_));
    static_cast<void>(cudaStreamDestroy(stream_));
    static_cast<void>(cudaEventDestroy(ready_));
    static_cast<void>(cudaEventDestroy(done_));
  }
  NcclReducer(const NcclReducer&) = delete;
  NcclReducer& operator=(const NcclReducer&) = delete;

  void start_sum(Tensor in_place, const char* what) override {
    float* values = begin_on(in_place, what);
    check(nccl_.all_reduce(values, values, static_cast<size_t>(in_place.elements()), ncclFloat32, ncclSum,
                           nccl_comm_, stream_));
    wait([&] { return state() != ncclInProgress; });  // a call under way takes no other
  }

  void start_gather(Tensor in_place, const char* what) override {
    const int64_t part = part_elements(in_place, ranks_.size(), what);
    float* values = begin_on(in_place, what);
    check(nccl_.all_gather(values + part * ranks_.rank(), values, static_cast<size_t>(part), ncclFloat32,
                           nccl_comm_, stream_));
    wait([&] { return state() != ncclInProgress; });
  }

  void progress() override { check(state()); }

  void finish() override {
    check_cuda(cudaEventRecord(done_, stream_));
    wait([&] {
      check(state());
      const cudaError_t status = cudaEventQuery(done_);
      if (status == cudaErrorNotReady) {
        static_cast<void>(cudaGetLastError());
        return false;
      }
      check_cuda(status);
      return true;
    });
  }

 private:
  void start() {
    begin("start NCCL");
    // Switches of NVLink sum in no fixed order; a run shall give the same bytes again. The user's word
    // counts.
    setenv("NCCL_NVLS_ENABLE", "0", 0);
    ncclUniqueId id{};
    if (ranks_.root()) check(nccl_.get_unique_id(&id));
    ranks_.broadcast_value(id, 0, what_);
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    config.blocking = 0;  // calls return at once, so that a wait for another rank can end
    check(nccl_.init_rank(&nccl_comm_, ranks_.size(), id, ranks_.rank(), &config));
    wait([&] { return state() != ncclInProgress; });
  }

  void begin(const char* what) {
    what_ = what;
    ++sequence_;
  }

  // What is enqueued next starts when the tensor stands there as computed.
  float* begin_on(const Tensor& tensor, const char* what) {
    require(tensor.device == Device::cuda, "NCCL works on tensors on the GPU only ({})", what);
    begin(what);
    check_cuda(cudaEventRecord(ready_, compute_.now()));
    check_cuda(cudaStreamWaitEvent(stream_, ready_, 0));
    return tensor.as<float>();
  }

  ncclResult_t state() const {
    ncclResult_t result = ncclSuccess;
    check(nccl_.get_async_error(nccl_comm_, &result));
    if (result != ncclInProgress) check(result);
    return result;
  }

  void check(ncclResult_t result) const {
    if (result == ncclSuccess || result == ncclInProgress) return;
    fail(ExitCode::internal, "rank {} on {}: '{}', operation {} of NCCL, failed: {} ({})", ranks_.rank(),
         ranks_.host(), what_, sequence_, nccl_.error_string(result), nccl_.last_error(nccl_comm_));
  }

  template <class Done>
  void wait(Done done) {
    const Clock::time_point start = Clock::now();
    bool told = false;
    while (!done()) {
      const auto waited = Clock::now() - start;
      hear();
      if (waited > kSlow && !told) {
        tell();
        told = true;
      }
      if (waited > ranks_.time_limit()) fail_missing();
      if (waited < std::chrono::milliseconds(2)) {
        sched_yield();
      } else {
        std::this_thread::sleep_for(std::chrono::microseconds(50));
      }
    }
    hear();
  }

  void tell() const {
    for (int rank = 0; rank < ranks_.size(); ++rank) {
      if (rank != ranks_.rank()) ranks_.send(std::span(&sequence_, 1), rank, kArrivedTag);
    }
  }
  void hear() {
    for (int from = ranks_.poll(kArrivedTag); from >= 0; from = ranks_.poll(kArrivedTag)) {
      int64_t& arrived = arrived_[static_cast<size_t>(from)];
      ranks_.receive(std::span(&arrived, 1), from, kArrivedTag);
    }
  }

  [[noreturn]] void fail_missing() const {
    std::string missing;
    for (int rank = 0; rank < ranks_.size(); ++rank) {
      if (rank == ranks_.rank() || arrived_[static_cast<size_t>(rank)] >= sequence_) continue;
      missing += fmt::format("{}{}", missing.empty() ? "rank " : ", rank ", rank);
    }
    fail(ExitCode::internal,
         "rank {} on {} waited {} s in '{}', operation {} of NCCL, {}; if it is only slow, raise "
         "runtime.collective_timeout",
         ranks_.rank(), ranks_.host(), ranks_.time_limit().count(), what_, sequence_,
         missing.empty() ? "though every rank has come to it" : "to which " + missing + " has not come");
  }

  const NcclLibrary& nccl_;
  GpuStream& compute_;
  cudaStream_t stream_ = nullptr;
  cudaEvent_t ready_ = nullptr, done_ = nullptr;
  ncclComm_t nccl_comm_ = nullptr;
  Communicator ranks_;
  const char* what_ = "";
  int64_t sequence_ = 0;
  std::vector<int64_t> arrived_;  // by rank: the last operation that it has said to wait in
};

}  // namespace

std::unique_ptr<DeviceReducer> make_nccl_reducer(GpuStream& compute, const Communicator& ranks,
                                                 std::string* note) {
  const NcclLibrary* nccl = find_nccl(note);
  const int64_t found = ranks.sum(int64_t{nccl != nullptr}, "look for NCCL");
  if (found < ranks.size()) {
    if (nccl != nullptr) *note = fmt::format("only {} of {} ranks have NCCL", found, ranks.size());
    return nullptr;
  }
  int version = 0;
  static_cast<void>(nccl->get_version(&version));  // major * 10000 + minor * 100 + patch
  *note = fmt::format("NCCL {}.{}.{}", version / 10000, version / 100 % 100, version % 100);
  return std::make_unique<NcclReducer>(*nccl, compute, ranks);
}

}  // namespace limner
