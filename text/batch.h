// A packed batch: rows of tokens end to end, with cumulative lengths. The only batch layout there is.
#pragma once

#include <cstdint>
#include <vector>

namespace limner {

struct Batch {
  std::vector<int32_t> ids;         // tokens
  std::vector<int32_t> positions;   // tokens; 0, 1, … within each row
  std::vector<int32_t> segments;    // tokens; all 0 for single texts
  std::vector<int32_t> cu_lengths;  // rows + 1
  std::vector<int64_t> rows;        // the prepared row of each row of the batch
  int32_t max_length = 0;
  // Rows 2 i and 2 i + 1 belong together (the contrastive objective).
  bool paired = false;
  // Language modelling: places in `ids`, ascending, and the tokens to be guessed there.
  std::vector<int32_t> target_places, target_ids;

  int64_t row_count() const { return static_cast<int64_t>(rows.size()); }
  int64_t token_count() const { return static_cast<int64_t>(ids.size()); }
};

}  // namespace limner
