// The training loop.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "runtime/metrics.h"
#include "runtime/progress.h"
#include "runtime/run.h"
#include "train/best_metric.h"
#include "train/checkpoints.h"
#include "train/evaluation.h"
#include "train/fixed_tree_sum.h"
#include "train/gradient_sync.h"
#include "train/optimizer.h"
#include "train/sampler.h"
#include "train/shares.h"
#include "train/training_data.h"
#include "train/weight_average.h"

namespace limner {

class Trainer {
 public:
  struct Parts {
    const Run& run;
    Backend& backend;
    Model& model;        // planned for training
    GradientSync& sync;  // of the model's gradients
    Optimizer& optimizer;
    WeightAverage& average;
    Checkpoints& checkpoints;
    const TrainingData& data;
    const Sampler& sampler;
    int64_t total_steps;
    int64_t share_tokens, evaluation_tokens;  // what the model is planned for
    std::function<bool()> stop;               // this rank's wish to stop
  };
  Trainer(const Parts& parts, const TrainState& state);

  // Trains from the state to the last step or to early stopping; evaluates, logs and saves on the way. Stop
  // agreed by the ranks, between steps or blocks of an evaluation: saves and throws interrupted("train"). A
  // bad step (train.bad_step) never reaches weights or checkpoints: skipped on all ranks, or bad_config with
  // the step and what to do. Ends with the last step evaluated and saved.
  void run();
  const TrainState& state() const { return state_; }

 private:
  enum class StepEnd : uint8_t { done, stop };
  using Shares = std::vector<std::vector<Share>>;  // of this rank in one step, by piece
  struct Agreement {
    bool stop = false;
    std::vector<double> label_weight;  // of the whole step, one an objective
  };

  Parts parts_;
  const TrainSettings& settings_;
  const Communicator& ranks_;
  TrainState state_;
  BestMetric best_;
  std::unique_ptr<FixedTreeSum> tree_;      // in place of sync with train.deterministic: across_ranks
  std::unique_ptr<MetricsWriter> metrics_;  // rank 0
  std::unique_ptr<Progress> progress_;
  EpochPlan plan_;
  int64_t plan_epoch_ = -1;
  int64_t first_step_ = 0;
  int64_t window_tokens_ = 0;
  double window_seconds_ = 0.0;
  double last_norm_ = 0.0, last_rate_ = 0.0;
  int64_t saved_step_ = -1;

  StepEnd step();
  // This rank's pieces of the next `batches` global batches; tree_: its leaves, in order.
  std::vector<Piece> own_pieces(int64_t batches) const;
  int64_t leaves(int64_t batches) const { return batches * settings_.micro_batches; }
  Agreement agree(int64_t batches, const Shares& shares);
  // Returns this rank's part of the step's mean loss, one a head.
  std::vector<double> compute_gradients(int64_t batches, const Shares& shares,
                                        const std::vector<double>& total_weight);
  bool is_bad_step() const;
  void refuse_step();
  void update_weights(const std::vector<double>& losses);
  void plan_epoch();
  bool stopped_early() const;
  void sum_window();
  void log();
  void evaluate();
  void save();
  void finish_saving();
  [[noreturn]] void save_and_stop();
};

}  // namespace limner
