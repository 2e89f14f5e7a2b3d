// train/summary.json, and the lines that end a training run.
#pragma once

#include "model/model.h"
#include "runtime/run.h"
#include "train/checkpoints.h"
#include "train/evaluation.h"
#include "train/training_data.h"

namespace limner {

// Known before the first step.
struct SummaryFacts {
  int64_t total_steps = 0;
  int64_t max_length = 0;
  int64_t state_bytes = 0, arena_bytes = 0;  // per rank
  double padding_saved = 0.0;                // share
};

// Both evaluations are of the best checkpoint.
void write_summary(const Run& run, const SummaryFacts& facts, const Model& model, const TrainingData& data,
                   const TrainState& state, const Checkpoints& checkpoints, const Evaluation& validation,
                   const Evaluation& test, double seconds);

}  // namespace limner
