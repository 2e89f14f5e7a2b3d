#include "train/shares.h"

#include "text/batcher.h"

namespace limner {

std::vector<Share> shares_of(const Piece& piece, const EpochPlan& plan, const TrainingData& data,
                             int64_t max_tokens, uint64_t targets_key) {
  const std::vector<int64_t> draws =
      rank_share(plan.batches[static_cast<size_t>(piece.batch)], plan.lengths, piece.part, piece.parts);
  std::vector<std::vector<int64_t>> batches = cut_batches(draws, plan.lengths, max_tokens);
  if (batches.empty()) batches.emplace_back();
  std::vector<Share> shares;
  for (const std::vector<int64_t>& batch : batches) {
    std::vector<int64_t> rows;
    const auto add = [&](int64_t index) { rows.push_back(data.train.rows[static_cast<size_t>(index)]); };
    for (const int64_t draw : batch) {
      add(plan.rows[static_cast<size_t>(draw)]);
      if (data.pairs) add(plan.partners[static_cast<size_t>(draw)]);
    }
    shares.push_back({data.pairs ? pack_pairs(data.tokens, rows) : pack_rows(data.tokens, rows),
                      data.labels.of_rows(rows)});
    data.set_targets(shares.back().batch, targets_key);
  }
  return shares;
}

}  // namespace limner
