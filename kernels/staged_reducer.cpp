#include "kernels/staged_reducer.h"

#include <map>
#include <vector>

#include "runtime/buffer.h"

namespace limner {
namespace {

class StagedReducer final : public DeviceReducer {
 public:
  StagedReducer(Backend& backend, const Communicator& ranks)
      : backend_(backend), size_(ranks.size()), on_host_(make_mpi_reducer(ranks)) {}

  void start_sum(Tensor in_place, const char* what) override {
    if (size_ > 1) on_host_->start_sum(stage(in_place), what);
  }

  void start_gather(Tensor in_place, const char* what) override {
    if (size_ > 1) on_host_->start_gather(stage(in_place), what);
  }

  void progress() override { on_host_->progress(); }

  void finish() override {
    on_host_->finish();
    for (const Tensor& tensor : started_) backend_.upload(tensor, host_.at(tensor.data).data());
    started_.clear();
  }

 private:
  Tensor stage(const Tensor& tensor) {
    Buffer& host = host_[tensor.data];  // the same ranges come at every step
    if (host.bytes() < tensor.bytes()) host = Buffer(tensor.bytes());
    backend_.download(host.data(), tensor);
    started_.push_back(tensor);
    return {host.data(), tensor.dtype, {tensor.elements()}};
  }

  Backend& backend_;
  int size_;
  std::unique_ptr<DeviceReducer> on_host_;
  std::map<void*, Buffer> host_;  // by the device's address
  std::vector<Tensor> started_;
};

}  // namespace

std::unique_ptr<DeviceReducer> make_staged_reducer(Backend& backend, const Communicator& ranks) {
  return std::make_unique<StagedReducer>(backend, ranks);
}

}  // namespace limner
