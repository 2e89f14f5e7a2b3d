// The vectors of a contrastive batch from all ranks, so that each pair is told from all others.
#pragma once

#include "model/model.h"
#include "runtime/communicator.h"

namespace limner {

// All ranks together, after the forward of their parts of one batch; a part may have no rows.
PairVectors gather_pairs(Model& model, const Communicator& ranks, const Batch& batch);

}  // namespace limner
