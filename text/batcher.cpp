#include "text/batcher.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <numeric>

#include "runtime/error.h"
#include "runtime/random.h"

namespace limner {
namespace {

// Rows of one window are sorted by length. A larger window makes batches more alike in length but less mixed.
constexpr int64_t batches_per_window = 16;

int64_t length_of(std::span<const int32_t> lengths, int64_t row) { return lengths[static_cast<size_t>(row)]; }

}  // namespace

std::vector<std::vector<int64_t>> cut_batches(std::span<const int64_t> rows, std::span<const int32_t> lengths,
                                              int64_t max_tokens) {
  require(max_tokens > 0, "batches of at most {} tokens", max_tokens);
  std::vector<std::vector<int64_t>> batches;
  int64_t tokens = 0;
  for (const int64_t row : rows) {
    if (batches.empty() || tokens + length_of(lengths, row) > max_tokens) {
      batches.emplace_back();
      tokens = 0;
    }
    batches.back().push_back(row);
    tokens += length_of(lengths, row);
  }
  return batches;
}

std::vector<std::vector<int64_t>> epoch_batches(std::span<const int32_t> lengths, int64_t max_tokens,
                                                uint64_t seed, int64_t epoch) {
  require(max_tokens > 0, "batches of at most {} tokens", max_tokens);
  const auto stream = static_cast<uint64_t>(epoch);
  std::vector<int64_t> rows =
      permutation(static_cast<int64_t>(lengths.size()), Random(seed, "batcher rows", stream));
  std::vector<std::vector<int64_t>> batches;
  for (size_t begin = 0, end = 0; begin < rows.size(); begin = end) {
    for (int64_t tokens = 0; end < rows.size() && tokens < batches_per_window * max_tokens; ++end) {
      tokens += length_of(lengths, rows[end]);
    }
    const std::span<int64_t> window(rows.data() + begin, end - begin);
    std::stable_sort(window.begin(), window.end(),
                     [&](int64_t a, int64_t b) { return length_of(lengths, a) < length_of(lengths, b); });
    std::ranges::move(cut_batches(window, lengths, max_tokens), std::back_inserter(batches));
  }
  std::vector<std::vector<int64_t>> shuffled;
  for (const int64_t index :
       permutation(static_cast<int64_t>(batches.size()), Random(seed, "batcher batches", stream))) {
    shuffled.push_back(std::move(batches[static_cast<size_t>(index)]));
  }
  return shuffled;
}

std::vector<int64_t> rank_share(const std::vector<int64_t>& batch, std::span<const int32_t> lengths, int rank,
                                int size) {
  require(rank >= 0 && rank < size, "rank {} of {}", rank, size);
  // Longest rows first, each to the rank with the fewest tokens so far.
  std::vector<size_t> order(batch.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return length_of(lengths, batch[a]) > length_of(lengths, batch[b]);
  });
  std::vector<int64_t> tokens(static_cast<size_t>(size));
  std::vector<size_t> mine;
  for (const size_t place : order) {
    const auto least = std::min_element(tokens.begin(), tokens.end());
    *least += length_of(lengths, batch[place]);
    if (least - tokens.begin() == rank) mine.push_back(place);
  }
  std::sort(mine.begin(), mine.end());
  std::vector<int64_t> share;
  for (const size_t place : mine) share.push_back(batch[place]);
  return share;
}

std::vector<std::vector<int64_t>> range_batches(std::span<const int32_t> lengths, int64_t max_tokens) {
  std::vector<int64_t> rows(lengths.size());
  std::iota(rows.begin(), rows.end(), int64_t{0});
  std::stable_sort(rows.begin(), rows.end(),
                   [&](int64_t a, int64_t b) { return length_of(lengths, a) > length_of(lengths, b); });
  return cut_batches(rows, lengths, max_tokens);
}

Batch pack(const std::vector<int64_t>& indices, const std::vector<std::span<const int32_t>>& tokens,
           std::span<const int64_t> row_ids) {
  require(tokens.size() == row_ids.size(), "{} rows of tokens but {} row ids", tokens.size(), row_ids.size());
  Batch batch;
  batch.cu_lengths.push_back(0);
  for (const int64_t index : indices) {
    require(index >= 0 && index < static_cast<int64_t>(tokens.size()), "row {} of {}", index, tokens.size());
    const std::span<const int32_t> row = tokens[static_cast<size_t>(index)];
    require(batch.ids.size() + row.size() <= std::numeric_limits<int32_t>::max(),
            "a batch of more than 2^31 tokens");
    const auto length = static_cast<int32_t>(row.size());
    batch.ids.insert(batch.ids.end(), row.begin(), row.end());
    for (int32_t position = 0; position < length; ++position) batch.positions.push_back(position);
    batch.cu_lengths.push_back(static_cast<int32_t>(batch.ids.size()));
    batch.rows.push_back(row_ids[static_cast<size_t>(index)]);
    batch.max_length = std::max(batch.max_length, length);
  }
  batch.segments.assign(batch.ids.size(), 0);
  return batch;
}

void predict_next_tokens(Batch& batch) {
  batch.target_places.clear();
  batch.target_ids.clear();
  for (int64_t row = 0; row < batch.row_count(); ++row) {
    const int32_t last = batch.cu_lengths[static_cast<size_t>(row) + 1];
    for (int32_t next = batch.cu_lengths[static_cast<size_t>(row)] + 1; next < last; ++next) {
      batch.target_places.push_back(next - 1);
      batch.target_ids.push_back(batch.ids[static_cast<size_t>(next)]);
    }
  }
}

}  // namespace limner
