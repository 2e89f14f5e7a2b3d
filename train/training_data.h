// The rows of one training run: their tokens, labels and parts.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "tables/prepared.h"
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
  int32_t longest = 0, shortest = 0;
  // For pairs, by groups of rows: all indices, group after group; per row where its group stands there.
  // Empty: each row is alone.
  std::vector<int64_t> by_group, group_begin, group_end;

  int64_t count() const { return static_cast<int64_t>(rows.size()); }
  // groups: of every prepared row, -1: alone; or empty.
  static SplitRows of(Split part, const std::vector<Split>& split, const TokenCache& tokens,
                      std::span<const int64_t> groups = {});
  // Another row of the group of row `index`, drawn by (key, row); itself if it is alone.
  int64_t partner(int64_t index, uint64_t key) const;
};

// The group of each prepared row by train.contrastive.pair_by; empty for none. item without items:
// bad_config.
std::vector<int64_t> pair_groups(const PreparedReader& prepared, const std::string& pair_by);

struct TrainingData {
  const TokenCache& tokens;
  const Labels& labels;
  std::optional<TokenMasking> masking;  // with the objective of a masked language model
  bool next_tokens = false;             // with that of a causal one
  bool pairs = false;                   // with the contrastive one
  SplitRows train, validation, test;

  bool language() const { return masking.has_value() || next_tokens; }
  // Sets what the language model is to guess, if there is one.
  void set_targets(Batch& batch, uint64_t key) const;
};

// The most rows that fit into a batch of `max_tokens` tokens, whichever they are; at least 1.
int64_t most_rows(std::vector<int32_t> lengths, int64_t max_tokens);

// Packs these prepared rows, in this order.
Batch pack_rows(const TokenCache& tokens, const std::vector<int64_t>& rows);
// The same, each two of them a pair. The second of a pair has random numbers of its own, so that dropout
// differs even where it is the same row.
Batch pack_pairs(const TokenCache& tokens, const std::vector<int64_t>& rows);

}  // namespace limner
