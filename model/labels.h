// What heads are trained on, and how far off they were.
#pragma once

#include <cstdint>
#include <vector>

namespace limner {

// One head's answers for the rows of a batch, as they lie in the table.
struct HeadLabels {
  std::vector<int32_t> classes;  // single_label: class, -1 missing
  std::vector<float> targets;  // regression (raw unit, NaN missing): rows; multi_label: rows x classes of 0,
                               // 1 (NaN in every class: row missing)
};

// Per objective: the sum over rows (masked language model: guessed tokens) of weighted losses and the sum of
// their weights (class weight of a single-label row's class, else 1; 0 where the label is missing), on this
// rank.
struct Losses {
  std::vector<double> sum, weight;
};

}  // namespace limner
