// The contrastive objective: two texts that belong together, rows 2 i and 2 i + 1 of a batch, are to be
// closer than those of different pairs. The first text of each pair looks for its second among those of all
// pairs, on all ranks (van den Oord et al., "Representation learning with contrastive predictive coding",
// 2018; Gao et al., "SimCSE", 2021); with widths, for each of them over the vectors' first numbers (Kusupati
// et al., "Matryoshka representation learning", 2022).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/backend.h"
#include "model/config.h"

namespace limner {

// The vectors of one batch on all ranks, not normalised: [rows, hidden], rank after rank; on each an even
// number of rows.
struct PairVectors {
  std::vector<float> values;
  int64_t first_row = 0, own_rows = 0;  // this rank's
};

class Contrastive {
 public:
  Contrastive(Backend& backend, const ModelConfig& config);

  struct Result {
    double loss = 0.0;            // the sum over this rank's pairs: mean over widths of cross-entropy
    std::vector<float> gradient;  // [own rows, hidden] of scale * the sum over all pairs
  };
  Result evaluate(const PairVectors& vectors, double scale);

 private:
  Backend& backend_;
  ContrastiveConfig config_;
  int64_t hidden_;
  Buffer memory_;  // grows with the largest batch so far

  void add_width(Result& result, const PairVectors& vectors, int64_t width, double scale);
};

}  // namespace limner
