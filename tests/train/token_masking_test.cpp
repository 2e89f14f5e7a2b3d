#include "train/token_masking.h"

#include <gtest/gtest.h>

#include <numeric>
#include <set>

#include "runtime/error.h"

namespace limner {
namespace {

constexpr int32_t pad = 0, unknown = 1, first_token = 2, separator = 3, mask = 4, word = 5;

// 60 words, of which every third goes on with "##" pieces.
Tokenizer tokenizer() {
  std::vector<std::string> vocabulary{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
  for (int i = 0; i < 60; ++i) vocabulary.push_back((i % 3 == 2 ? "##w" : "w") + std::to_string(i));
  return Tokenizer::from_vocabulary(vocabulary, {});
}

MaskedLanguageModelSettings settings(double share, bool whole_words) {
  MaskedLanguageModelSettings result;
  result.mask_probability = share;
  result.whole_words = whole_words;
  return result;
}

// Rows of these lengths, each [CLS] words [SEP].
Batch batch_of(const std::vector<int32_t>& lengths, int64_t first_row = 100) {
  Batch batch;
  batch.cu_lengths.push_back(0);
  for (size_t row = 0; row < lengths.size(); ++row) {
    batch.ids.push_back(first_token);
    for (int32_t i = 2; i < lengths[row]; ++i) {
      batch.ids.push_back(word + static_cast<int32_t>((row * 7 + static_cast<size_t>(i)) % 60));
    }
    batch.ids.push_back(separator);
    batch.cu_lengths.push_back(static_cast<int32_t>(batch.ids.size()));
    batch.rows.push_back(first_row + static_cast<int64_t>(row));
  }
  return batch;
}

TEST(TokenMasking, HidesTheShareOfEveryRowAndKeepsWhatStoodThere) {
  const TokenMasking masking(tokenizer(), settings(0.15, false));
  const Batch before = batch_of({3, 12, 202, 2});
  Batch batch = before;
  masking.hide(batch, 7);
  std::vector<int64_t> targets(4);
  for (size_t i = 0; i < batch.target_places.size(); ++i) {
    const int32_t place = batch.target_places[i];
    EXPECT_LT(i == 0 ? -1 : batch.target_places[i - 1], place);
    EXPECT_EQ(batch.target_ids[i], before.ids[static_cast<size_t>(place)]);
    EXPECT_GE(batch.target_ids[i], word);
    size_t row = 0;
    while (place >= batch.cu_lengths[row + 1]) ++row;
    ++targets[row];
  }
  EXPECT_EQ(targets, (std::vector<int64_t>{1, 2, 30, 0}));  // at least one; none where nothing can be guessed
  const std::set<int32_t> places(batch.target_places.begin(), batch.target_places.end());
  for (size_t place = 0; place < batch.ids.size(); ++place) {
    const bool hidden = places.contains(static_cast<int32_t>(place));
    EXPECT_TRUE(hidden || batch.ids[place] == before.ids[place]) << place;
  }
}

TEST(TokenMasking, DependsOnTheRowAndTheKeyNotOnBatchMates) {
  const TokenMasking masking(tokenizer(), settings(0.3, true));
  Batch together = batch_of({50, 40}), alone = batch_of({50});
  masking.hide(together, 3);
  masking.hide(alone, 3);
  const std::vector<int32_t> first(together.ids.begin(), together.ids.begin() + 50);
  EXPECT_EQ(first, alone.ids);
  Batch other_key = batch_of({50});
  masking.hide(other_key, 4);
  EXPECT_NE(other_key.target_places, alone.target_places);
}

TEST(TokenMasking, EightOfTenAreMaskedOneIsRandomOneStays) {
  const TokenMasking masking(tokenizer(), settings(0.5, false));
  const Batch before = batch_of(std::vector<int32_t>(50, 402));
  Batch batch = before;
  masking.hide(batch, 11);
  int64_t masked = 0, stayed = 0;
  for (size_t i = 0; i < batch.target_places.size(); ++i) {
    const int32_t id = batch.ids[static_cast<size_t>(batch.target_places[i])];
    masked += id == mask ? 1 : 0;
    stayed += id == batch.target_ids[i] ? 1 : 0;
  }
  const double total = static_cast<double>(batch.target_places.size());
  EXPECT_EQ(total, 50 * 200);
  EXPECT_NEAR(static_cast<double>(masked) / total, 0.8 + 0.1 / 65, 0.015);
  EXPECT_NEAR(static_cast<double>(stayed) / total, 0.1 + 0.1 / 65, 0.012);
}

TEST(TokenMasking, PiecesOfAWordAreHiddenTogether) {
  const Tokenizer names = tokenizer();
  const TokenMasking masking(names, settings(0.2, true));
  const Batch before = batch_of({302});
  Batch batch = before;
  masking.hide(batch, 5);
  const std::set<int32_t> places(batch.target_places.begin(), batch.target_places.end());
  int64_t pieces = 0;
  for (int32_t place = 1; place < 301; ++place) {
    if (!names.token(before.ids[static_cast<size_t>(place)]).starts_with("##") || place == 1) continue;
    EXPECT_EQ(places.contains(place), places.contains(place - 1)) << place;
    pieces += places.contains(place) ? 1 : 0;
  }
  EXPECT_GT(pieces, 5);
  EXPECT_GE(batch.target_places.size(), 60U);
  EXPECT_LE(batch.target_places.size(), 62U);
}

TEST(TokenMasking, PadAndUnknownAreNeverTargets) {
  const TokenMasking masking(tokenizer(), settings(0.9, false));
  Batch batch = batch_of({12});
  for (size_t i = 1; i < 11; ++i) batch.ids[i] = i % 2 == 0 ? pad : unknown;
  masking.hide(batch, 1);
  EXPECT_TRUE(batch.target_places.empty());
}

}  // namespace
}  // namespace limner
