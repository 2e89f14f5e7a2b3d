// The rows of one step that a rank computes.
#pragma once

#include <cstdint>
#include <vector>

#include "model/labels.h"
#include "text/batch.h"
#include "train/sampler.h"
#include "train/training_data.h"

namespace limner {

struct Share {  // rows that are computed at once
  Batch batch;
  std::vector<HeadLabels> labels;
};

struct Piece {  // part `part` of `parts` of the epoch's global batch `batch`
  int64_t batch;
  int part, parts;
};

// The piece's rows in shares of at most max_tokens tokens, of which no row has more; one share without rows
// where the piece has none. targets_key: of what a language model is to guess.
std::vector<Share> shares_of(const Piece& piece, const EpochPlan& plan, const TrainingData& data,
                             int64_t max_tokens, uint64_t targets_key);

}  // namespace limner
