// Packs rows into batches by a token budget.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "text/batch.h"

namespace limner {

// Training: the global batches of one epoch, the same for any rank count. The rows are permuted by (seed,
// epoch), cut into windows, sorted by length within a window and filled into batches of at most `max_tokens`
// tokens (a longer row is alone); then the batches are permuted. Each batch lists indices into `lengths`.
std::vector<std::vector<int64_t>> epoch_batches(std::span<const int32_t> lengths, int64_t max_tokens,
                                                uint64_t seed, int64_t epoch);

// One rank's part of a global batch: rows dealt to ranks so that token counts are near equal; deterministic.
// Together the parts are the batch.
std::vector<int64_t> rank_share(const std::vector<int64_t>& batch, std::span<const int32_t> lengths, int rank,
                                int size);

// The rows in this order, in batches of at most `max_tokens` tokens (a longer row is alone). None: no batch.
std::vector<std::vector<int64_t>> cut_batches(std::span<const int64_t> rows, std::span<const int32_t> lengths,
                                              int64_t max_tokens);

// Extraction: the batches of a row range, longest rows first, by token budget; depends on the lengths only.
// Indices into `lengths`.
std::vector<std::vector<int64_t>> range_batches(std::span<const int32_t> lengths, int64_t max_tokens);

// Makes a packed batch of these rows; `tokens[i]` are the ids of index i, `row_ids[i]` its prepared row.
Batch pack(const std::vector<int64_t>& indices, const std::vector<std::span<const int32_t>>& tokens,
           std::span<const int64_t> row_ids);

// Causal language modelling's task: after each token of a row, to guess the next one. Nothing is hidden.
void predict_next_tokens(Batch& batch);

}  // namespace limner
