#include "text/batcher.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "runtime/error.h"
#include "runtime/random.h"

namespace limner {
namespace {

using Batches = std::vector<std::vector<int64_t>>;

std::vector<int32_t> some_lengths(int64_t rows, int64_t longest) {
  const Random random(5, "lengths");
  std::vector<int32_t> lengths;
  for (int64_t row = 0; row < rows; ++row) {
    lengths.push_back(
        static_cast<int32_t>(2 + random.below(static_cast<uint64_t>(row), static_cast<uint64_t>(longest))));
  }
  return lengths;
}

int64_t tokens_of(const std::vector<int64_t>& rows, const std::vector<int32_t>& lengths) {
  int64_t tokens = 0;
  for (const int64_t row : rows) tokens += lengths[static_cast<size_t>(row)];
  return tokens;
}

void expect_each_row_once(const Batches& batches, size_t rows) {
  std::vector<int64_t> seen;
  for (const auto& batch : batches) seen.insert(seen.end(), batch.begin(), batch.end());
  std::sort(seen.begin(), seen.end());
  std::vector<int64_t> all(rows);
  std::iota(all.begin(), all.end(), 0);
  EXPECT_EQ(seen, all);
}

TEST(EpochBatches, HoldEachRowOnceWithinTheBudget) {
  for (const int64_t rows : {1, 2, 17, 1009}) {
    const std::vector<int32_t> lengths = some_lengths(rows, 100);
    const Batches batches = epoch_batches(lengths, 256, 17, 0);
    expect_each_row_once(batches, lengths.size());
    for (const auto& batch : batches) {
      EXPECT_FALSE(batch.empty());
      EXPECT_LE(tokens_of(batch, lengths), 256);
    }
  }
}

TEST(EpochBatches, FillTheBudget) {
  const std::vector<int32_t> lengths = some_lengths(2003, 60);
  const Batches batches = epoch_batches(lengths, 512, 17, 0);
  const int64_t tokens = std::accumulate(lengths.begin(), lengths.end(), int64_t{0});
  EXPECT_LT(static_cast<int64_t>(batches.size()), tokens * 115 / 100 / 512 + 2);
}

TEST(EpochBatches, DependOnSeedAndEpochOnly) {
  const std::vector<int32_t> lengths = some_lengths(500, 50);
  EXPECT_EQ(epoch_batches(lengths, 200, 17, 3), epoch_batches(lengths, 200, 17, 3));
  EXPECT_NE(epoch_batches(lengths, 200, 17, 3), epoch_batches(lengths, 200, 17, 4));
  EXPECT_NE(epoch_batches(lengths, 200, 17, 3), epoch_batches(lengths, 200, 18, 3));
}

TEST(EpochBatches, LeaveALongRowAlone) {
  const std::vector<int32_t> lengths = {10, 900, 10, 10, 300};
  const Batches batches = epoch_batches(lengths, 256, 17, 0);
  expect_each_row_once(batches, lengths.size());
  for (const auto& batch : batches) {
    if (std::find(batch.begin(), batch.end(), 1) != batch.end()) {
      EXPECT_EQ(batch.size(), 1u);
    }
    if (std::find(batch.begin(), batch.end(), 4) != batch.end()) {
      EXPECT_EQ(batch.size(), 1u);
    }
  }
}

TEST(EpochBatches, OfNoRowsAreNone) {
  EXPECT_TRUE(epoch_batches({}, 256, 17, 0).empty());
  EXPECT_TRUE(range_batches({}, 256).empty());
  EXPECT_THROW(epoch_batches({}, 0, 17, 0), Error);
}

TEST(RankShare, PartsAreTheBatchAndNearEqual) {
  const std::vector<int32_t> lengths = some_lengths(300, 64);
  const Batches batches = epoch_batches(lengths, 1024, 17, 0);
  for (const int size : {1, 2, 3, 7}) {
    for (const auto& batch : batches) {
      std::vector<int64_t> together;
      int64_t least = 1 << 30, most = 0;
      for (int rank = 0; rank < size; ++rank) {
        const std::vector<int64_t> share = rank_share(batch, lengths, rank, size);
        EXPECT_EQ(share, rank_share(batch, lengths, rank, size));
        together.insert(together.end(), share.begin(), share.end());
        least = std::min(least, tokens_of(share, lengths));
        most = std::max(most, tokens_of(share, lengths));
      }
      std::vector<int64_t> whole = batch;
      std::sort(whole.begin(), whole.end());
      std::sort(together.begin(), together.end());
      EXPECT_EQ(together, whole);
      EXPECT_LE(most - least, 66);  // one row at most
    }
  }
}

TEST(RankShare, OfOneRankIsTheBatchItself) {
  const std::vector<int32_t> lengths = {5, 9, 2};
  EXPECT_EQ(rank_share({2, 0, 1}, lengths, 0, 1), (std::vector<int64_t>{2, 0, 1}));
}

TEST(RankShare, MayBeEmpty) {
  const std::vector<int32_t> lengths = {5};
  EXPECT_EQ(rank_share({0}, lengths, 0, 3).size(), 1u);
  EXPECT_TRUE(rank_share({0}, lengths, 2, 3).empty());
  EXPECT_TRUE(rank_share({}, lengths, 1, 3).empty());
  EXPECT_THROW(rank_share({0}, lengths, 3, 3), Error);
}

TEST(RangeBatches, TakeLongestRowsFirst) {
  const std::vector<int32_t> lengths = {3, 8, 8, 20, 1, 4};
  EXPECT_EQ(range_batches(lengths, 16), (Batches{{3}, {1, 2}, {5, 0, 4}}));
  const std::vector<int32_t> many = some_lengths(1009, 200);
  const Batches batches = range_batches(many, 256);
  expect_each_row_once(batches, many.size());
  for (const auto& batch : batches) EXPECT_LE(tokens_of(batch, many), 256);
}

TEST(Pack, LaysRowsEndToEnd) {
  const std::vector<int32_t> a = {2, 7, 3}, b = {2, 3}, c = {2, 8, 9, 3};
  const std::vector<int64_t> row_ids = {100, 101, 102};
  const Batch batch = pack({2, 0}, {a, b, c}, row_ids);
  EXPECT_EQ(batch.ids, (std::vector<int32_t>{2, 8, 9, 3, 2, 7, 3}));
  EXPECT_EQ(batch.positions, (std::vector<int32_t>{0, 1, 2, 3, 0, 1, 2}));
  EXPECT_EQ(batch.segments, std::vector<int32_t>(7, 0));
  EXPECT_EQ(batch.cu_lengths, (std::vector<int32_t>{0, 4, 7}));
  EXPECT_EQ(batch.rows, (std::vector<int64_t>{102, 100}));
  EXPECT_EQ(batch.max_length, 4);
  EXPECT_EQ(batch.row_count(), 2);
  EXPECT_EQ(batch.token_count(), 7);
}

TEST(Pack, OfNothingIsAnEmptyBatch) {
  const Batch batch = pack({}, {}, {});
  EXPECT_EQ(batch.cu_lengths, std::vector<int32_t>{0});
  EXPECT_EQ(batch.row_count(), 0);
  EXPECT_EQ(batch.max_length, 0);
}

TEST(Pack, RefusesRowsThatAreNotThere) {
  const std::vector<int32_t> a = {2, 3};
  const std::vector<int64_t> row_ids = {0};
  EXPECT_THROW(pack({1}, {a}, row_ids), Error);
  EXPECT_THROW(pack({0}, {a, a}, row_ids), Error);
}

}  // namespace
}  // namespace limner
