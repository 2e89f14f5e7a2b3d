// Near-duplicates against the exact similarity of every pair.
#include "prepare/near_duplicates.h"

#include <gtest/gtest.h>

#include <set>

#include "prepare/plan.h"
#include "runtime/random.h"
#include "tests/prepare/prepare_testing.h"
#include "text/utf8.h"

namespace limner::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

using Runs = std::set<std::u32string>;

Runs runs_of(const std::string& text, size_t length) {
  std::u32string characters;
  for (size_t position = 0; position < text.size();) characters += next_code_point(text, position);
  Runs runs;
  for (size_t first = 0; first == 0 || first + length <= characters.size(); ++first)
    runs.insert(characters.substr(first, length));
  return runs;
}

double similarity(const Runs& a, const Runs& b) {
  size_t common = 0;
  for (const std::u32string& run : a) common += b.count(run);
  return static_cast<double>(common) / static_cast<double>(a.size() + b.size() - common);
}

// Texts of random words, each the third time a copy of an earlier one with some words changed.
std::vector<std::string> corpus(const std::vector<std::string>& words, const std::string& between, int count,
                                uint64_t seed) {
  const Random random(seed, "near-duplicates of a test");
  uint64_t draw = 0;
  const auto below = [&](uint64_t limit) { return static_cast<size_t>(random.below(draw++, limit)); };
  std::vector<std::vector<size_t>> texts;
  for (int index = 0; index < count; ++index) {
    std::vector<size_t> text;
    if (index % 3 == 2) {
      text = texts[below(texts.size())];
      for (size_t change = below(4); change > 0; --change) text[below(text.size())] = below(words.size());
    } else {
      for (size_t word = 3 + below(30); word > 0; --word) text.push_back(below(words.size()));
    }
    texts.push_back(text);
  }
  std::vector<std::string> joined;
  for (const auto& text : texts) {
    joined.emplace_back();
    for (const size_t word : text) joined.back() += (joined.back().empty() ? "" : between) + words[word];
  }
  return joined;
}

std::vector<std::vector<std::string>> corpora() {
  return {corpus({"good", "bad", "phone", "the", "battery", "works", "screen", "never", "again", "delivery",
                  "was", "fast"},
                 " ", 400, 1),
          corpus({"很", "好", "用", "手", "机", "电", "池", "快", "递", "不", "错", "推", "荐", "质", "量",
                  "差", "再", "买"},
                 "", 400, 2),
          corpus({"ok", "很好", "!", "…", "5星", "I love it", "物流 快"}, ", ", 300, 3)};
}

NearDuplicateSettings with_threshold(double threshold) {
  NearDuplicateSettings settings;
  settings.threshold = threshold;
  return settings;
}

TEST(NearDuplicates, Jaccard) {
  EXPECT_EQ(jaccard({1, 2, 3}, {2, 3, 4, 5}), 0.4);
  EXPECT_EQ(jaccard({1}, {2}), 0);
  EXPECT_EQ(jaccard({7}, {7}), 1);
}

TEST(NearDuplicates, ShinglesAreRunsOfCharacters) {
  EXPECT_EQ(shingles("很好用很好用", 3).size(), 3u);
  EXPECT_EQ(shingles("ab", 5), shingles("ab", 2));
  EXPECT_EQ(shingles("abcde", 5).size(), 1u);
  EXPECT_EQ(shingles("", 5).size(), 1u);
  for (const auto& texts : corpora()) {
    for (const std::string& text : texts)
      ASSERT_EQ(shingles(text, 5).size(), runs_of(text, 5).size()) << text;
  }
}

TEST(NearDuplicates, TheRowsThatTheExactSimilarityDrops) {
  for (const auto& texts : corpora()) {
    std::vector<Runs> runs;
    for (const std::string& text : texts) runs.push_back(runs_of(text, 5));
    for (const double threshold : {0.5, 0.8, 0.95}) {
      NearDuplicates near(with_threshold(threshold));
      std::vector<size_t> kept;
      int64_t dropped = 0;
      for (size_t row = 0; row < texts.size(); ++row) {
        std::optional<int64_t> expected;
        for (const size_t earlier : kept) {
          if (!expected && similarity(runs[row], runs[earlier]) >= threshold) expected = earlier;
        }
        const auto keys = near.band_keys(texts[row], "");
        ASSERT_EQ(near.find(texts[row], keys, texts), expected) << threshold << " row " << row;
        dropped += expected ? 1 : 0;
        if (expected) continue;
        near.add(static_cast<int64_t>(row), keys);
        kept.push_back(row);
      }
      EXPECT_GT(dropped, 10);
      EXPECT_GT(kept.size(), 50u);
    }
  }
}

TEST_F(PrepareTest, NearDuplicatesAreDroppedAndListed) {
  folder.write("r.csv",
               "who,text,tag\n"
               "a,the delivery was fast and the phone works well,x\n"   // 2
               "a,the delivery was fast and the phone works well!,y\n"  // 3: near
               "b,the delivery was fast and the phone works well.,x\n"  // 4: of another customer
               "a,the delivery was fast and the phone works well,x\n"   // 5: equal
               "a,快递很快手机很好用下次还会再来买,x\n"                 // 6
               "a,快递很快手机很好用下次还会再来买！,only here\n"       // 7: near
               "c,ok,x\na,ok,x\n");
  const std::string yaml =
      "  sources: [{path: $/r.csv, fields: {customer: who, text: text, tag: tag}}]\n"
      "  near_duplicates: {threshold: 0.8, shingle: 3";
  run(yaml + "}\n");
  EXPECT_THAT(rejects(), ElementsAre("3 near-duplicate: of line 2", "7 near-duplicate: of line 6"));
  expect_rows(8, 5, 3, 0);
  EXPECT_EQ(quality().at("rows").at("near_duplicates"), 2);
  EXPECT_THAT(prepared().field("tag").categories, ElementsAre("x"));  // nothing of a dropped row stays
  run(yaml + ", within: all}\n");
  EXPECT_THAT(rejects(), ElementsAre("3 near-duplicate: of line 2", "4 near-duplicate: of line 2",
                                     "7 near-duplicate: of line 6", "9 near-duplicate: of line 8"));
  EXPECT_THAT(prepared().customer_ids(0, 2), ElementsAre("a", "c"));
}

TEST(NearDuplicateSettings, WantCustomersOrAll) {
  const std::string yaml =
      "prepare:\n  sources: [{path: t.csv, fields: {text: t}}]\n  near_duplicates: {threshold: 0.8}\n";
  const Caught caught = catch_error([&] { make_plan(parse_settings(yaml, "t.yaml").prepare); });
  EXPECT_EQ(caught.code, ExitCode::bad_config);
  EXPECT_THAT(caught.message, HasSubstr("prepare.near_duplicates.within"));
}

}  // namespace
}  // namespace limner::testing
