// Checkpoints of a run: checkpoints/step-00000200/ to go on from, and checkpoints/best/.
#pragma once

#include <cstdint>
#include <filesystem>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/model.h"
#include "text/tokenizer.h"
#include "train/optimizer.h"
#include "train/weight_average.h"

namespace limner {

// Sums over the steps since the last line of metrics. Per rank; a checkpoint holds the sum over ranks.
struct LossWindow {
  int64_t steps = 0;
  std::vector<double> losses;  // one a head: sum over the steps of the step's mean loss
};

// Where training stands. With the weights and moments it decides everything that follows: batches and random
// numbers are functions of seed, epoch and step.
struct TrainState {
  int64_t step = 0;              // optimizer steps made
  int64_t epoch = 0, batch = 0;  // the next global batch
  int64_t tokens = 0;            // trained on, over all ranks
  double seconds = 0.0;          // spent in steps
  std::optional<double> best_metric;
  int64_t best_step = -1;
  int64_t evaluations_without_better = 0;
  bool evaluation_due = false;          // the evaluation after this step was interrupted
  double usual_norm = 0.0;              // running mean of the gradient norms; 0: none yet
  int64_t bad_steps = 0;                // skipped one after the other, up to here
  std::optional<int64_t> share_tokens;  // that memory allowed to be computed at once; absent: whole shares
  LossWindow window;
};

// Rank 0 reads and writes folders, unless stated; save(), save_best() and finish() are called by all ranks
// together, since each may hold a part of the optimizer's state.
class Checkpoints {
 public:
  // fingerprint: of everything that decides the course of training; a checkpoint of another one is never
  // gone on from.
  struct Contents {
    Model& model;
    Optimizer& optimizer;
    WeightAverage& average;
    const Communicator& ranks;
    const Tokenizer& tokenizer;
    SentenceConfig sentence;
    std::string fingerprint;
  };
  enum class Writing : uint8_t { at_once, in_background };
  Checkpoints(std::filesystem::path folder, const Contents& contents, int64_t total_limit, Writing writing);

  // The newest whole checkpoint with our fingerprint; torn ones are passed over with a warning.
  std::optional<std::filesystem::path> newest() const;
  // Every rank: what is trained, its average, moments and state of that folder, bit for bit:
  // model.safetensors is made for other readers (a regression head's unit is folded in there), so the flat
  // weights are in limner_state/ too.
  TrainState restore(const std::filesystem::path& checkpoint);
  // Checkpoints of other settings: the run starts anew and replaces them.
  void remove_others() const;

  // A Hugging Face folder or a PEFT adapter, of the average where there is one, with limner_state/, published
  // whole. Older ones beyond the limit are removed. In the background: from a copy of weights and moments,
  // one at a time; what goes wrong is thrown by the next call or by finish().
  void save(const TrainState& state);
  // The same without the optimizer's tensors: best/ is to be used, not gone on from.
  void save_best(const TrainState& state);
  void finish();  // everything begun stands
  void load_best();
  std::filesystem::path best() const { return folder_ / "best"; }
  std::filesystem::path step_folder(int64_t step) const;

 private:
  std::filesystem::path folder_;
  Contents contents_;
  int64_t total_limit_;

  struct Snapshot;
  Writing writing_;
  int64_t snapshot_step_ = -1;
  std::vector<float> frozen_;                 // what a full checkpoint holds beside the trained weights
  std::shared_ptr<const Snapshot> snapshot_;  // of the step saved last, for best/ and the step's own folder
  std::future<void> pending_;

  std::vector<std::filesystem::path> step_folders() const;  // newest first
  void start(const TrainState& state, void (Checkpoints::*write)(const Snapshot&, const TrainState&) const);
  Snapshot take_snapshot(Optimizer::Moments moments);
  void write_step(const Snapshot& snapshot, const TrainState& state) const;
  void write_best(const Snapshot& snapshot, const TrainState& state) const;
  void write_model(const std::filesystem::path& folder, const Snapshot& snapshot,
                   const TrainState& state) const;
};

}  // namespace limner
