// The cost model of limner plan against numbers worked out by hand.
#include "cli/scaling.h"

#include <gtest/gtest.h>

namespace limner {
namespace {

Cluster cluster() {
  Cluster cluster;
  cluster.gpus_per_node = 4;
  cluster.node_bandwidth = 100e9;
  cluster.network_bandwidth = 50e9;
  cluster.memory_bandwidth = 1e12;
  cluster.latency = 1e-5;
  cluster.overlap = 0.5;
  cluster.writer_bandwidth = 1e9;
  cluster.disk_bandwidth = 2e9;
  return cluster;
}

TrainingLoad load(double batches_per_step = 2.0) {
  TrainingLoad load;
  load.tokens_per_step = 8192;
  load.tokens_per_row = 32;
  load.batches_per_step = batches_per_step;
  load.parameters = 2e8;
  load.gradient_bytes = 8e8;
  load.last_gradient_bytes = 8e7;
  load.tokens_per_second = 8192;
  return load;
}

TEST(Scaling, SumsGoThroughNodesAndThenTheNetwork) {
  EXPECT_EQ(all_reduce_seconds(cluster(), 8e8, 1), 0.0);
  // 2 * 1/2 of 0.8 GB at 100 GB/s, and two messages.
  EXPECT_NEAR(all_reduce_seconds(cluster(), 8e8, 2), 0.00802, 1e-12);
  // 2 * 3/4 at 100 GB/s and four messages; then 2 * 1/2 at 50 GB/s and two.
  EXPECT_NEAR(all_reduce_seconds(cluster(), 8e8, 8), 0.01204 + 0.01602, 1e-12);
  EXPECT_NEAR(all_reduce_seconds(cluster(), 8e8, 6), 0.01204 + 0.01602, 1e-12)
      << "a node that is not full is a node";
  // 256 nodes: 2 * 255/256 at 50 GB/s and sixteen messages.
  EXPECT_NEAR(all_reduce_seconds(cluster(), 8e8, 1024), 0.01204 + 0.031875 + 0.00016, 1e-12);
}

TEST(Scaling, OneDeviceComputesAndUpdates) {
  const StepTime time = step_time(cluster(), load(), 1);
  EXPECT_NEAR(time.compute, 1.0, 1e-12);
  EXPECT_NEAR(time.update, 0.006, 1e-12);  // 30 bytes of each of 2e8 parameters at 1 TB/s
  EXPECT_EQ(time.exposed, 0.0);
  EXPECT_NEAR(time.total(), 1.006, 1e-12);
}

TEST(Scaling, BackwardHidesPartOfASum) {
  const StepTime time = step_time(cluster(), load(), 8);
  EXPECT_NEAR(time.compute, 0.125, 1e-12);
  // 0.02806 s of sums; half of two thirds of the second batch's 0.0625 s hide them.
  EXPECT_NEAR(time.exposed, 0.02806 - 0.125 / 6.0, 1e-12);
  EXPECT_NEAR(time.total(), 0.125 + 0.006 + 0.02806 - 0.125 / 6.0, 1e-12);
}

TEST(Scaling, AnUpdateInPartsGathersWeights) {
  TrainingLoad sharded = load();
  sharded.gathered_bytes = 8e8;
  EXPECT_NEAR(step_time(cluster(), sharded, 1).update, 0.006, 1e-12);
  // An eighth of 0.006 s, and half of the 0.02806 s that a sum takes.
  EXPECT_NEAR(step_time(cluster(), sharded, 8).update, 0.00075 + 0.01403, 1e-12);
  EXPECT_NEAR(step_time(cluster(), sharded, 8).exposed, step_time(cluster(), load(), 8).exposed, 1e-12);
}

TEST(Scaling, TheLastGradientsAreNeverHidden) {
  const StepTime time = step_time(cluster(), load(1.0), 2);
  EXPECT_NEAR(time.exposed, 0.000802, 1e-12);  // a tenth of 0.00802
}

TEST(Scaling, ADeviceHasAtLeastOneRowOfEachBatch) {
  const StepTime time = step_time(cluster(), load(), 1024);  // 8 tokens each, but a row has 32
  EXPECT_NEAR(time.compute, 64.0 / 8192.0, 1e-12);
  EXPECT_NEAR(time.exposed, 0.044075 - 0.0078125 / 6.0, 1e-12);
}

TEST(Scaling, ExtractionEndsWithTheSlowestRankOrTheDisk) {
  ExtractionLoad load;
  load.tokens = 1e6;
  load.shards = 10;
  load.bytes = 4e9;
  load.tokens_per_second = 1e5;
  EXPECT_NEAR(extraction_time(cluster(), load, 1).compute, 10.0, 1e-12);
  EXPECT_NEAR(extraction_time(cluster(), load, 1).write, 4.0, 1e-12);
  EXPECT_NEAR(extraction_time(cluster(), load, 4).total(), 3.0, 1e-12);   // three shards of ten
  EXPECT_NEAR(extraction_time(cluster(), load, 16).compute, 1.0, 1e-12);  // one shard
  EXPECT_NEAR(extraction_time(cluster(), load, 16).total(), 2.0, 1e-12);  // 4 GB at 2 GB/s
}

}  // namespace
}  // namespace limner
