// Loss and metrics of a model on one part of the rows, over all ranks.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "model/model.h"
#include "runtime/communicator.h"
#include "train/metrics.h"
#include "train/training_data.h"

namespace limner {

struct Evaluation {
  int64_t rows = 0;
  double loss = undefined_metric;  // sum over objectives of weight * mean loss; undefined without any
  double language_loss = undefined_metric;     // mean over guessed tokens, if the model is a language model
  std::string language_objective;              // its name, if it is one
  double contrastive_loss = undefined_metric;  // mean over pairs, with that objective
  std::vector<HeadMetrics> heads;
};

// Tokens of one evaluation batch: small enough for the memory of any training plan, and a function of the
// settings and rows alone, so that batches and results do not depend on the number of ranks.
int64_t evaluation_tokens(int64_t max_tokens_per_batch, int64_t longest_row);

// All ranks together; the result is whole at rank 0 only. Rows go to ranks in fixed blocks, each row once.
// The model is planned for at least `max_tokens`. The tokens hidden and the pairs drawn are the same in every
// call; a pair's others are those of its batch, which is part of a block. `stop` is asked between blocks;
// true on any rank: nothing.
std::optional<Evaluation> evaluate(Model& model, const TrainingData& data, const SplitRows& part,
                                   const Communicator& ranks, int64_t max_tokens,
                                   const std::function<bool()>& stop);

Json evaluation_json(const Evaluation& evaluation);

}  // namespace limner
