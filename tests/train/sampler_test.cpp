#include "train/sampler.h"

#include <algorithm>
#include <map>

#include "tests/train/synthetic_run.h"
#include "text/batcher.h"

namespace limner::testing {
namespace {

SplitRows some_rows(int64_t count) {
  SplitRows part;
  for (int64_t row = 0; row < count; ++row) {
    part.rows.push_back(3 * row);
    part.lengths.push_back(static_cast<int32_t>(4 + row % 7));
  }
  part.shortest = 4;
  part.longest = 10;
  return part;
}

TrainSettings small_batches() {
  TrainSettings settings;
  settings.max_tokens_per_batch = 64;
  return settings;
}

// Every draw is in one batch, and no batch is over its budget.
void expect_batches_fit(const EpochPlan& plan, int64_t most) {
  std::vector<int64_t> seen;
  for (const std::vector<int64_t>& batch : plan.batches) {
    int64_t tokens = 0;
    for (const int64_t draw : batch) tokens += plan.lengths[static_cast<size_t>(draw)];
    EXPECT_LE(tokens, most);
    seen.insert(seen.end(), batch.begin(), batch.end());
  }
  std::sort(seen.begin(), seen.end());
  ASSERT_EQ(seen.size(), plan.rows.size());
  for (size_t i = 0; i < seen.size(); ++i) ASSERT_EQ(seen[i], static_cast<int64_t>(i));
}

TEST(Sampler, DrawsEveryRowOnce) {
  const SplitRows part = some_rows(50);
  const Sampler sampler(part, small_batches(), 17);
  const EpochPlan plan = sampler.epoch(2);
  for (int64_t row = 0; row < 50; ++row) EXPECT_EQ(plan.rows[static_cast<size_t>(row)], row);
  EXPECT_TRUE(plan.partners.empty());
  expect_batches_fit(plan, 64);
}

TEST(Sampler, BalancesClasses) {
  const SplitRows part = some_rows(103);
  std::vector<int32_t> classes;  // 3 rows without a label, 7 of class 2, 13 of class 0, 80 of class 1
  for (int32_t row = 0; row < 103; ++row) classes.push_back(row < 3 ? -1 : row < 10 ? 2 : row < 23 ? 0 : 1);
  const Sampler sampler(part, small_batches(), 17, classes);
  std::vector<int64_t> first_majority;
  for (const int64_t epoch : {0, 1}) {
    const EpochPlan plan = sampler.epoch(epoch);
    ASSERT_EQ(plan.rows.size(), 103u) << "an epoch is as long as ever";
    expect_batches_fit(plan, 64);
    std::map<int32_t, int64_t> of_class;
    std::map<int64_t, int64_t> of_row;
    std::vector<int64_t> majority;
    for (const int64_t row : plan.rows) {
      of_class[classes[static_cast<size_t>(row)]]++;
      of_row[row]++;
      if (classes[static_cast<size_t>(row)] == 1) majority.push_back(row);
    }
    EXPECT_EQ(of_class[-1], 3);
    EXPECT_EQ(of_class[0], 34);
    EXPECT_EQ(of_class[1], 33);
    EXPECT_EQ(of_class[2], 33);
    for (const auto& [row, count] : of_row) {
      const int32_t label = classes[static_cast<size_t>(row)];
      const int64_t least = label == 0 ? 2 : label == 2 ? 4 : 1;  // 34 of 13, 33 of 7, 33 of 80, 3 of 3
      const int64_t most = label == 0 || label == 2 ? least + 1 : 1;
      EXPECT_TRUE(count >= least && count <= most) << count << " draws of a row of class " << label;
    }
    if (epoch == 0) {
      first_majority = majority;
    } else {
      EXPECT_NE(majority, first_majority) << "every epoch draws others";
    }
  }
  EXPECT_EQ(sampler.epoch(1).rows, sampler.epoch(1).rows);
  EXPECT_NE(sampler.epoch(1).rows, Sampler(part, small_batches(), 18, classes).epoch(1).rows);
}

TEST(Sampler, DrawsPartnersFromTheGroup) {
  SplitRows part = some_rows(12);
  // Rows 0 to 3 and 4 to 5 belong together, the others are alone.
  part.by_group = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  for (int64_t row = 0; row < 12; ++row) {
    part.group_begin.push_back(row < 4 ? 0 : row < 6 ? 4 : row);
    part.group_end.push_back(row < 4 ? 4 : row < 6 ? 6 : row + 1);
  }
  TrainSettings settings = small_batches();
  settings.contrastive.weight = 1.0;
  const Sampler sampler(part, settings, 17);
  std::map<int64_t, std::map<int64_t, int64_t>> drawn;
  for (int64_t epoch = 0; epoch < 300; ++epoch) {
    const EpochPlan plan = sampler.epoch(epoch);
    expect_batches_fit(plan, 64);
    for (size_t i = 0; i < plan.rows.size(); ++i) {
      drawn[plan.rows[i]][plan.partners[i]]++;
      ASSERT_EQ(plan.lengths[i], part.lengths[static_cast<size_t>(plan.rows[i])] +
                                     part.lengths[static_cast<size_t>(plan.partners[i])]);
    }
  }
  for (int64_t row = 0; row < 4; ++row) {
    EXPECT_EQ(drawn[row].size(), 3u) << "each of the others";
    EXPECT_FALSE(drawn[row].contains(row));
    for (const auto& [partner, count] : drawn[row]) EXPECT_NEAR(static_cast<double>(count), 100.0, 40.0);
  }
  EXPECT_EQ(drawn[4].begin()->first, 5);
  EXPECT_EQ(drawn[5].begin()->first, 4);
  for (int64_t row = 6; row < 12; ++row) {
    EXPECT_EQ(drawn[row].size(), 1u);
    EXPECT_EQ(drawn[row].begin()->first, row) << "alone: paired with itself";
  }
}

TEST(SplitRows, GroupsAreOfThePartsOwnRows) {
  TemporaryFolder folder;
  SyntheticRun synthetic(folder.path(), {.rows = 90});
  synthetic.settings().train.contrastive.weight = 1.0;
  const PreparedReader prepared(synthetic.run().prepared());
  const std::vector<int64_t> groups = pair_groups(prepared, "customer");
  EXPECT_EQ(groups, prepared.customer_index(0, prepared.rows()));
  EXPECT_TRUE(pair_groups(prepared, "none").empty());
  expect_error(ExitCode::bad_config, {"pair_by", "item"}, [&] { pair_groups(prepared, "item"); });
}

TEST(NextTokens, AreTheTargetsOfAllButTheLast) {
  Batch batch;
  batch.ids = {5, 6, 7, 8, 9, 4};
  batch.cu_lengths = {0, 3, 4, 6};
  batch.rows = {0, 1, 2};
  predict_next_tokens(batch);
  EXPECT_EQ(batch.target_places, (std::vector<int32_t>{0, 1, 4}));
  EXPECT_EQ(batch.target_ids, (std::vector<int32_t>{6, 7, 4}));
  EXPECT_EQ(batch.ids, (std::vector<int32_t>{5, 6, 7, 8, 9, 4})) << "nothing is hidden";
}

}  // namespace
}  // namespace limner::testing
