#include "train/training_data.h"

#include <algorithm>
#include <numeric>

#include "text/batcher.h"

namespace limner {

SplitRows SplitRows::of(Split part, const std::vector<Split>& split, const TokenCache& tokens) {
  SplitRows rows;
  for (size_t row = 0; row < split.size(); ++row) {
    if (split[row] != part) continue;
    const int32_t length = tokens.length(static_cast<int64_t>(row));
    rows.rows.push_back(static_cast<int64_t>(row));
    rows.lengths.push_back(length);
    rows.tokens += length;
    rows.longest = std::max(rows.longest, length);
  }
  return rows;
}

int64_t most_rows(std::vector<int32_t> lengths, int64_t max_tokens) {
  std::sort(lengths.begin(), lengths.end());
  int64_t rows = 0, tokens = 0;
  for (const int32_t length : lengths) {
    tokens += length;
    if (tokens > max_tokens) break;
    ++rows;
  }
  return std::max<int64_t>(1, rows);
}

Batch pack_rows(const TokenCache& tokens, const std::vector<int64_t>& rows) {
  std::vector<std::span<const int32_t>> spans;
  spans.reserve(rows.size());
  for (const int64_t row : rows) spans.push_back(tokens.row(row));
  std::vector<int64_t> order(rows.size());
  std::iota(order.begin(), order.end(), int64_t{0});
  return pack(order, spans, rows);
}

}  // namespace limner
