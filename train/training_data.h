// The rows of one training run: their tokens, labels and parts.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "text/batch.h"
#include "train/labels.h"
#include "train/token_cache.h"
#include "train/token_masking.h"

namespace limner {

// One part's rows, ascending, with their lengths in tokens.
struct SplitRows {
  std::vector<int64_t> rows;
  std::vector<int32_t> lengths;
  int64_t tokens = 0;
  int32_t longest = 0;

  int64_t count() const { return static_cast<int64_t>(rows.size()); }
  static SplitRows of(Split part, const std::vector<Split>& split, const TokenCache& tokens);
};

struct TrainingData {
  const TokenCache& tokens;
  const Labels& labels;
  std::optional<TokenMasking> masking;  // with the objective of a masked language model
  SplitRows train, validation, test;
};

// The most rows that fit into a batch of `max_tokens` tokens, whichever they are; at least 1.
int64_t most_rows(std::vector<int32_t> lengths, int64_t max_tokens);

// Packs these prepared rows, in this order.
Batch pack_rows(const TokenCache& tokens, const std::vector<int64_t>& rows);

}  // namespace limner
