#include "train/training_data.h"

#include <algorithm>
#include <numeric>
#include <unordered_map>

#include "runtime/error.h"
#include "runtime/random.h"
#include "text/batcher.h"

namespace limner {
namespace {

constexpr int64_t rows_at_once = 65536;

}  // namespace

SplitRows SplitRows::of(Split part, const std::vector<Split>& split, const TokenCache& tokens,
                        std::span<const int64_t> groups) {
  SplitRows rows;
  for (size_t row = 0; row < split.size(); ++row) {
    if (split[row] != part) continue;
    const int32_t length = tokens.length(static_cast<int64_t>(row));
    rows.rows.push_back(static_cast<int64_t>(row));
    rows.lengths.push_back(length);
    rows.tokens += length;
    rows.longest = std::max(rows.longest, length);
    rows.shortest = rows.count() == 1 ? length : std::min(rows.shortest, length);
  }
  if (groups.empty()) return rows;
  const auto group_of = [&](int64_t index) {
    return groups[static_cast<size_t>(rows.rows[static_cast<size_t>(index)])];
  };
  rows.by_group.resize(rows.rows.size());
  rows.group_begin.resize(rows.rows.size());
  rows.group_end.resize(rows.rows.size());
  std::iota(rows.by_group.begin(), rows.by_group.end(), int64_t{0});
  std::stable_sort(rows.by_group.begin(), rows.by_group.end(),
                   [&](int64_t a, int64_t b) { return group_of(a) < group_of(b); });
  for (int64_t begin = 0, end = 0; begin < rows.count(); begin = end) {
    const int64_t group = group_of(rows.by_group[static_cast<size_t>(begin)]);
    do ++end;
    while (group >= 0 && end < rows.count() && group_of(rows.by_group[static_cast<size_t>(end)]) == group);
    for (int64_t place = begin; place < end; ++place) {
      const auto index = static_cast<size_t>(rows.by_group[static_cast<size_t>(place)]);
      rows.group_begin[index] = begin;
      rows.group_end[index] = end;
    }
  }
  return rows;
}

int64_t SplitRows::partner(int64_t index, uint64_t key) const {
  if (by_group.empty()) return index;
  const int64_t begin = group_begin[static_cast<size_t>(index)], end = group_end[static_cast<size_t>(index)];
  if (end - begin == 1) return index;
  // One of all but the last; the last stands in for the row itself.
  const Random random(key, static_cast<uint64_t>(rows[static_cast<size_t>(index)]));
  const auto draw = static_cast<int64_t>(random.below(0, static_cast<uint64_t>(end - begin - 1)));
  const int64_t drawn = by_group[static_cast<size_t>(begin + draw)];
  return drawn == index ? by_group[static_cast<size_t>(end - 1)] : drawn;
}

std::vector<int64_t> pair_groups(const PreparedReader& prepared, const std::string& pair_by) {
  if (pair_by == "none") return {};
  if (pair_by == "customer") return prepared.customer_index(0, prepared.rows());
  if (!prepared.has_items()) {
    fail(ExitCode::bad_config,
         "train.contrastive.pair_by: item, but the prepared rows have no items; map `item` in "
         "prepare.sources, or pair by customer or none");
  }
  std::vector<int64_t> groups;
  std::unordered_map<std::string, int64_t> known;
  for (int64_t first = 0; first < prepared.rows(); first += rows_at_once) {
    for (const std::string& item : prepared.items(first, std::min(rows_at_once, prepared.rows() - first))) {
      const auto next = static_cast<int64_t>(known.size());
      groups.push_back(item.empty() ? -1 : known.try_emplace(item, next).first->second);
    }
  }
  return groups;
}

void TrainingData::set_targets(Batch& batch, uint64_t key) const {
  if (masking) masking->hide(batch, key);
  if (next_tokens) predict_next_tokens(batch);
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

Batch pack_pairs(const TokenCache& tokens, const std::vector<int64_t>& rows) {
  require(rows.size() % 2 == 0, "{} rows are no pairs", rows.size());
  Batch batch = pack_rows(tokens, rows);
  for (size_t row = 1; row < batch.rows.size(); row += 2) batch.rows[row] = ~batch.rows[row];
  batch.paired = true;
  return batch;
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
