#include "train/token_cache.h"

#include "tests/train/synthetic_run.h"
#include "train/step_plan.h"
#include "train/tokenizer_source.h"

namespace limner::testing {
namespace {

class TokenCacheTest : public ::testing::Test {
 protected:
  TokenCacheTest() : synthetic(folder.path(), {.rows = 301}), prepared(synthetic.run().prepared()) {}
  Tokenizer learn() {
    return learn_tokenizer(folder.path() / "tokenizer", synthetic.settings().model.vocabulary, 32, prepared,
                           "sha", prepared.split(0, prepared.rows()), synthetic.run().communicator, 1,
                           [] { return false; });
  }
  void make(const TokenCache::Key& key, const Tokenizer& tokenizer) {
    TokenCache::make(path(), key, prepared, tokenizer, synthetic.run().communicator, 1, [] { return false; });
  }
  fs::path path() const { return folder.path() / "tokens.cache"; }
  TemporaryFolder folder;
  SyntheticRun synthetic;
  PreparedReader prepared;
};

TEST_F(TokenCacheTest, HoldsEveryRowsTokens) {
  const Tokenizer tokenizer = learn();
  make({tokenizer.sha256(), "sha", 9}, tokenizer);
  const TokenCache cache(path());
  ASSERT_EQ(cache.rows(), prepared.rows());
  int64_t truncated = 0;
  const auto expected = tokenizer.encode_all(prepared.texts(0, prepared.rows()), 9, 1, &truncated);
  int64_t tokens = 0;
  for (int64_t row = 0; row < cache.rows(); ++row) {
    const auto found = cache.row(row);
    EXPECT_EQ(std::vector<int32_t>(found.begin(), found.end()), expected[static_cast<size_t>(row)]);
    tokens += cache.length(row);
  }
  EXPECT_EQ(cache.tokens(), tokens);
  EXPECT_EQ(cache.truncated(), truncated);
  EXPECT_GT(truncated, 0);
}

TEST_F(TokenCacheTest, IsMadeAgainForAnotherKeyOnly) {
  const Tokenizer tokenizer = learn();
  const TokenCache::Key key{tokenizer.sha256(), "sha", 9}, other{tokenizer.sha256(), "sha", 10};
  make(key, tokenizer);
  const auto written = fs::last_write_time(path());
  EXPECT_TRUE(TokenCache::is_current(path(), key));
  EXPECT_FALSE(TokenCache::is_current(path(), other));
  make(key, tokenizer);
  EXPECT_EQ(fs::last_write_time(path()), written);
  make(other, tokenizer);
  EXPECT_TRUE(TokenCache::is_current(path(), other));
}

TEST_F(TokenCacheTest, TornFileIsNotUsed) {
  const Tokenizer tokenizer = learn();
  const TokenCache::Key key{tokenizer.sha256(), "sha", 9};
  make(key, tokenizer);
  fs::resize_file(path(), fs::file_size(path()) - 8);
  EXPECT_FALSE(TokenCache::is_current(path(), key));
  expect_error(ExitCode::bad_data, {"tokens.cache"}, [&] { const TokenCache cache(path()); });
}

TEST_F(TokenCacheTest, StopsBetweenBlocks) {
  const Tokenizer tokenizer = learn();
  expect_error(ExitCode::interrupted, {"train"}, [&] {
    TokenCache::make(path(), {tokenizer.sha256(), "sha", 9}, prepared, tokenizer,
                     synthetic.run().communicator, 1, [] { return true; });
  });
  EXPECT_FALSE(fs::exists(path()));
}

TEST_F(TokenCacheTest, LearnedVocabularyIsReadBack) {
  const Tokenizer first = learn();
  const auto written = fs::last_write_time(folder.path() / "tokenizer");
  const Tokenizer second = learn();
  EXPECT_EQ(first.sha256(), second.sha256());
  EXPECT_EQ(fs::last_write_time(folder.path() / "tokenizer"), written);
  synthetic.settings().model.vocabulary.size = 100;
  EXPECT_NE(learn().sha256(), first.sha256());
}

TEST(MostRows, IsReachedByTheShortest) {
  EXPECT_EQ(most_rows({7, 3, 5, 2}, 10), 3);
  EXPECT_EQ(most_rows({7, 3, 5, 2}, 9), 2);
  EXPECT_EQ(most_rows({7, 3}, 2), 1) << "a longer row is alone in its batch";
  EXPECT_EQ(most_rows({}, 2), 1);
}

TEST(StepPlan, CountsEpochsAndParts) {
  SplitRows part;
  for (int64_t row = 0; row < 100; ++row) part.rows.push_back(row);
  part.lengths.assign(100, 10);  // 10 rows a batch
  TrainSettings settings;
  settings.max_tokens_per_batch = 100;
  const Sampler sampler(part, settings, 1);
  settings.num_train_epochs = 2;
  EXPECT_EQ(count_steps(settings, sampler), 20);
  settings.gradient_accumulation_steps = 3;
  EXPECT_EQ(count_steps(settings, sampler), 8);
  settings.num_train_epochs = 1.5;
  EXPECT_EQ(count_steps(settings, sampler), 4 + 2);
  settings.num_train_epochs = 0;
  EXPECT_EQ(count_steps(settings, sampler), 0);
  settings.max_steps = 77;
  EXPECT_EQ(count_steps(settings, sampler), 77);
}

}  // namespace
}  // namespace limner::testing
