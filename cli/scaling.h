// A cost model of data-parallel training and of extraction: what more devices give, from what one of them
// does. docs/cluster.md states the assumptions.
#pragma once

#include <cstdint>

namespace limner {

// Bandwidths in bytes a second.
struct Cluster {
  int64_t gpus_per_node = 8;
  double node_bandwidth = 0.0;     // a device, each direction, inside a node
  double network_bandwidth = 0.0;  // a node, each direction
  double memory_bandwidth = 0.0;   // of a device
  double latency = 0.0;            // seconds a message
  double overlap = 0.0;            // share of backward that hides sums of gradients
  double writer_bandwidth = 0.0;   // HDF5 shards of one rank
  double disk_bandwidth = 0.0;     // what the file system takes in all
};

struct TrainingLoad {
  double tokens_per_step = 0.0;   // over all devices
  double tokens_per_row = 0.0;    // mean: a device has at least one row
  double batches_per_step = 1.0;  // gradient_accumulation_steps; only the last one's backward hides sums
  double parameters = 0.0;
  double gradient_bytes = 0.0;       // summed in each step
  double last_gradient_bytes = 0.0;  // of them, made last: never hidden
  double gathered_bytes = 0.0;       // of weights that the devices update in parts; 0: each updates all
  double tokens_per_second = 0.0;    // of one device
};

// Seconds of one step; exposed is the part of all_reduce that backward does not hide.
struct StepTime {
  double compute = 0.0, update = 0.0, all_reduce = 0.0, exposed = 0.0;
  double total() const { return compute + update + exposed; }
};
StepTime step_time(const Cluster& cluster, const TrainingLoad& load, int64_t gpus);

// A sum over all devices: reduce-scatter and all-gather in rings, inside the nodes and then between them.
double all_reduce_seconds(const Cluster& cluster, double bytes, int64_t gpus);

struct ExtractionLoad {
  double tokens = 0.0;
  int64_t shards = 1;  // the unit of work
  double bytes = 0.0;  // written
  double tokens_per_second = 0.0;
};
struct ExtractionTime {
  double compute = 0.0, write = 0.0;
  double total() const { return compute > write ? compute : write; }
};
ExtractionTime extraction_time(const Cluster& cluster, const ExtractionLoad& load, int64_t gpus);

}  // namespace limner
