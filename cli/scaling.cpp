#include "cli/scaling.h"

#include <algorithm>
#include <cmath>

namespace limner {
namespace {

// AdamW reads and writes weight and both moments and reads the gradient (f32); the bf16 shadow is written.
constexpr double update_bytes_per_parameter = 3 * 8 + 4 + 2;
constexpr double backward_share = 2.0 / 3.0;  // of a step's computation

// Reduce-scatter and all-gather move (members - 1) / members of the bytes each; as many rounds as a tree is
// deep.
double ring_seconds(double bytes, double members, double bandwidth, double latency) {
  if (members <= 1.0) return 0.0;
  return 2.0 * (members - 1.0) / members * bytes / bandwidth + 2.0 * std::ceil(std::log2(members)) * latency;
}

}  // namespace

double all_reduce_seconds(const Cluster& cluster, double bytes, int64_t gpus) {
  const auto inside = static_cast<double>(std::min(gpus, cluster.gpus_per_node));
  const double nodes = std::ceil(static_cast<double>(gpus) / static_cast<double>(cluster.gpus_per_node));
  return ring_seconds(bytes, inside, cluster.node_bandwidth, cluster.latency) +
         ring_seconds(bytes, nodes, cluster.network_bandwidth, cluster.latency);
}

StepTime step_time(const Cluster& cluster, const TrainingLoad& load, int64_t gpus) {
  StepTime time;
  const double even = load.tokens_per_step / static_cast<double>(gpus);
  time.compute = std::max(even, load.tokens_per_row * load.batches_per_step) / load.tokens_per_second;
  time.update = update_bytes_per_parameter * load.parameters / cluster.memory_bandwidth;
  if (load.gathered_bytes > 0.0) {  // a sum is a reduce-scatter and a gather of as much
    time.update = time.update / static_cast<double>(gpus) +
                  all_reduce_seconds(cluster, load.gathered_bytes, gpus) / 2.0;
  }
  time.all_reduce = all_reduce_seconds(cluster, load.gradient_bytes, gpus);
  const double hiding = cluster.overlap * backward_share * time.compute / load.batches_per_step;
  const double last = time.all_reduce * load.last_gradient_bytes / load.gradient_bytes;
  time.exposed = std::max(last, time.all_reduce - hiding);
  return time;
}

ExtractionTime extraction_time(const Cluster& cluster, const ExtractionLoad& load, int64_t gpus) {
  ExtractionTime time;
  const auto shards = static_cast<double>(load.shards);
  const double most_shards = std::ceil(shards / static_cast<double>(gpus));
  time.compute = most_shards * load.tokens / shards / load.tokens_per_second;
  const double writers = std::min(static_cast<double>(gpus), shards);
  time.write = load.bytes / std::min(writers * cluster.writer_bandwidth, cluster.disk_bandwidth);
  return time;
}

}  // namespace limner
