#include "train/gradient_sync.h"

#include "runtime/error.h"

namespace limner {
namespace {

constexpr int64_t bucket_elements = 256 * 1024;  // 1 MiB of f32: beyond it, bandwidth decides, not latency

}  // namespace

GradientSync::GradientSync(DeviceReducer& reducer, const ParameterTable& parameters, Tensor gradients)
    : reducer_(reducer), layers_(parameters.layer_count()) {
  int64_t end = parameters.trained_elements();
  for (int layer = layers_ - 1; layer >= 0; --layer) {
    const int64_t begin = parameters.layer_range(layer).offset;
    if (end - begin < bucket_elements && layer > 0) continue;
    if (end > begin) buckets_.push_back({layer, gradients.slice_rows(begin, end - begin)});
    end = begin;
  }
}

void GradientSync::layer_done(int layer) {
  if (next_ < buckets_.size() && buckets_[next_].lowest_layer == layer) {
    reducer_.start_sum(buckets_[next_].gradients, "sum gradients");
    ++next_;
  }
  reducer_.progress();
}

void GradientSync::all_layers_done() {
  for (int layer = layers_ - 1; layer >= 0; --layer) layer_done(layer);
}

void GradientSync::finish() {
  require(next_ == buckets_.size(), "{} of {} gradient ranges were sent", next_, buckets_.size());
  next_ = 0;
  reducer_.finish();
}

}  // namespace limner
