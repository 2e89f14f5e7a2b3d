// limner plan: how long training steps and the extraction would take on more and more GPUs. Writes nothing.
#include <fmt/core.h>

#include <algorithm>
#include <fstream>

#include "cli/command.h"
#include "cli/scaling.h"
#include "extract/extract.h"
#include "runtime/error.h"
#include "runtime/files.h"
#include "runtime/run.h"
#include "train/train.h"

namespace limner {
namespace {

constexpr double giga = 1e9;

struct Rate {
  double tokens_per_second = 0.0;
  std::string source;
};

// The fastest line of a file of `limner bench` with this scope; 0: none.
double measured_rate(const fs::path& path, const std::string& scope) {
  std::ifstream file(path);
  if (!file) fail(ExitCode::missing_input, "plan.measured: {} cannot be opened", path.string());
  double rate = 0.0;
  int64_t number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    const Json record = Json::parse(line, nullptr, false);
    if (!record.is_object()) {
      fail(ExitCode::bad_data, "{}:{}: not a JSON object; a line of `limner bench` is wanted", path.string(),
           number);
    }
    if (record.value("scope", "") != scope || !record.contains("tokens_per_second")) continue;
    const Json& value = record["tokens_per_second"];
    if (!value.is_number() || value.get<double>() <= 0.0) {
      fail(ExitCode::bad_data, "{}:{}: tokens_per_second is {}", path.string(), number, value.dump());
    }
    rate = std::max(rate, value.get<double>());
  }
  return rate;
}

Rate device_rate(const PlanSettings& plan, const Auto<double>& setting, const char* scope, double flops) {
  if (!setting.is_auto()) return {*setting.value, "as set"};
  if (plan.measured) {
    const double rate = measured_rate(*plan.measured, scope);
    if (rate > 0.0) return {rate, fmt::format("measured, {}", *plan.measured)};
    fail(ExitCode::bad_data, "{}: no line of `limner bench` with the scope '{}'", *plan.measured, scope);
  }
  return {plan.teraflops * 1e12 * plan.utilization / flops,
          fmt::format("assumed: {:.3g} of {:.4g} TFLOP/s", plan.utilization, plan.teraflops)};
}

Cluster cluster_of(const PlanSettings& plan) {
  return {plan.gpus_per_node,           plan.node_bandwidth * giga, plan.network_bandwidth * giga,
          plan.memory_bandwidth * giga, plan.latency * 1e-6,        plan.overlap,
          plan.writer_bandwidth * giga, plan.disk_bandwidth * giga};
}

// 1, 2, 4, … and the number asked for.
std::vector<int64_t> counts_up_to(int64_t most) {
  std::vector<int64_t> counts;
  for (int64_t gpus = 1; gpus < most; gpus *= 2) counts.push_back(gpus);
  counts.push_back(most);
  return counts;
}

void print_training_rows(const Cluster& cluster, const TrainingLoad& load, int64_t most, bool grow) {
  const double alone = step_time(cluster, load, 1).total();
  for (const int64_t gpus : counts_up_to(most)) {
    TrainingLoad part = load;
    const auto factor = static_cast<double>(gpus);
    if (grow) part.tokens_per_step *= factor;
    const StepTime time = step_time(cluster, part, gpus);
    const double speedup = (grow ? factor : 1.0) * alone / time.total();
    fmt::print(
        "  {:>6}  {:>12.0f}  {:>10.3f}  {:>10.3f}  {:>10.3f}  {:>10.3f}  {:>10.3f}  {:>12.0f}  {:>6.1f} %\n",
        gpus, part.tokens_per_step, 1e3 * time.compute, 1e3 * time.update, 1e3 * time.all_reduce,
        1e3 * time.exposed, 1e3 * time.total(), part.tokens_per_step / time.total(),
        100.0 * speedup / factor);
  }
}

void print_training(const Settings& settings, const TrainForecast& forecast) {
  const PlanSettings& plan = settings.plan;
  const Cluster cluster = cluster_of(plan);
  const Rate rate = device_rate(plan, plan.train_tokens_per_second, "step", 3.0 * forecast.flops_per_token);
  const TrainingLoad load{static_cast<double>(forecast.tokens_per_step),
                          static_cast<double>(forecast.tokens_per_epoch) / static_cast<double>(forecast.rows),
                          static_cast<double>(settings.train.gradient_accumulation_steps),
                          static_cast<double>(forecast.parameters),
                          static_cast<double>(forecast.gradient_bytes),
                          static_cast<double>(forecast.last_gradient_bytes),
                          static_cast<double>(forecast.gathered_bytes),
                          rate.tokens_per_second};
  fmt::print("training   {} parameters, {:.4g} GFLOP a token, {:.1f} MB of gradients summed a step\n",
             forecast.parameters, 3.0 * forecast.flops_per_token / giga, load.gradient_bytes / 1e6);
  fmt::print("           one device {:.4g} tokens/s ({}); {} steps, {:.4g} h on one device\n",
             rate.tokens_per_second, rate.source, forecast.steps,
             static_cast<double>(forecast.steps) * step_time(cluster, load, 1).total() / 3600.0);
  const char* head =
      "    GPUs   tokens/step  compute ms   update ms     sum ms  exposed ms     step ms      tokens/s  "
      "efficiency";
  fmt::print("  the global batch as configured\n{}\n", head);
  print_training_rows(cluster, load, plan.gpus, false);
  fmt::print("  the same batch on every device (learning rate and steps to be chosen anew)\n{}\n", head);
  print_training_rows(cluster, load, plan.gpus, true);
}

void print_extraction(const Settings& settings, const ExtractForecast& forecast, double flops_per_token) {
  const PlanSettings& plan = settings.plan;
  const Cluster cluster = cluster_of(plan);
  const Rate rate = device_rate(plan, plan.extract_tokens_per_second, "encode", flops_per_token);
  const int64_t per_shard = settings.extract.rows_per_shard;
  const ExtractionLoad load{static_cast<double>(forecast.tokens), (forecast.rows + per_shard - 1) / per_shard,
                            static_cast<double>(forecast.disk_bytes), rate.tokens_per_second};
  fmt::print("extraction {} rows, {} tokens, {} shards, {:.1f} MB of HDF5; one device {:.4g} tokens/s ({})\n",
             forecast.rows, forecast.tokens, load.shards, load.bytes / 1e6, rate.tokens_per_second,
             rate.source);
  fmt::print("    GPUs   compute s     write s     total s      tokens/s  efficiency\n");
  const double alone = extraction_time(cluster, load, 1).total();
  for (const int64_t gpus : counts_up_to(plan.gpus)) {
    const ExtractionTime time = extraction_time(cluster, load, gpus);
    fmt::print("  {:>6}  {:>10.3f}  {:>10.3f}  {:>10.3f}  {:>12.0f}  {:>6.1f} %\n", gpus, time.compute,
               time.write, time.total(), load.tokens / time.total(),
               100.0 * alone / time.total() / static_cast<double>(gpus));
  }
}

void print_assumptions(const PlanSettings& plan) {
  fmt::print("assumptions\n");
  fmt::print(
      "  {} GPUs a node; {:.4g} GB/s a device inside it, {:.4g} GB/s a node to others, {:.3g} us a message\n",
      plan.gpus_per_node, plan.node_bandwidth, plan.network_bandwidth, plan.latency);
  fmt::print(
      "  gradients are summed in f32, in rings inside nodes and between them; {:.0f} % of the last backward "
      "pass hides them,\n"
      "  the embeddings' part is never hidden; backward is two thirds of the computation\n",
      100.0 * plan.overlap);
  fmt::print(
      "  AdamW moves 30 bytes a parameter at {:.4g} GB/s, on top of the rate of one device; in parts "
      "(train.shard_optimizer_state) an even share of it, and the gather of weights, which nothing hides\n",
      plan.memory_bandwidth);
  fmt::print(
      "  a device has its even share of a batch's tokens, at least one row; its rate is the same for any "
      "share\n");
  fmt::print(
      "  the slowest rank has one shard more than the fastest; shards: {:.3g} GB/s a rank, {:.4g} GB/s in "
      "all\n",
      plan.writer_bandwidth, plan.disk_bandwidth);
  fmt::print(
      "  not counted: launches of kernels, which bound small models and shares; start-up, evaluation, "
      "checkpoints, reading tables, stragglers, a network that is "
      "shared\n");
}

}  // namespace

int plan_command(const Arguments& arguments, Communicator& communicator) {
  const Run run{settings_from(arguments, command_named("plan")), communicator};
  if (arguments.print_config) {
    if (communicator.root()) fmt::print("{}", print_settings(run.settings));
    return 0;
  }
  if (!run.has_texts()) {
    fail(ExitCode::bad_config, "plan: this run has no texts, so nothing of it runs on GPUs");
  }
  const TrainForecast train = forecast_train(run);
  const ExtractForecast extract = forecast_extract(run);
  if (!communicator.root()) return 0;
  print_training(run.settings, train);
  print_extraction(run.settings, extract, train.flops_per_token);
  print_assumptions(run.settings.plan);
  return 0;
}

}  // namespace limner
