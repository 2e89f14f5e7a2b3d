// Configurations of configs/ that are told from their results, on small tables.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cli/program.h"

namespace limner::testing {
namespace {

TEST(Configurations, CleaningDoesAllThatItNames) {
  const char* source = std::getenv("LIMNER_SOURCE");
  ASSERT_NE(source, nullptr);
  const Scratch scratch;
  Outcome outcome = limner(scratch.path(), "demo-data data/demo customers=400");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  outcome = limner(scratch.path(), "prepare " + (fs::path(source) / "configs/cleaning.yaml").string());
  ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  const Json quality = read_json(scratch / "runs/cleaning/prepared/quality.json");
  EXPECT_GT(quality["rows"]["near_duplicates"], 0);
  EXPECT_GT(quality["rejected"]["rule a label"], 0);
  ASSERT_EQ(quality["rules"].size(), 3u);
  std::map<std::string, Json> fields;
  for (const Json& field : quality["fields"]) fields[field["name"]] = field;
  EXPECT_GT(fields["age"]["filled"], 0);
  EXPECT_EQ(fields["age"]["max"], 1);  // scaled
  EXPECT_EQ(fields["spend"]["outliers"]["action"], "clip");
  EXPECT_EQ(fields["event_amount"]["outliers"]["method"], "z_score");
  EXPECT_EQ(fields["event_frequency"]["scaling"]["kind"], "standard");
  for (const char* name : {"event_recency_days", "event_browse_rate", "event_trend"})
    EXPECT_TRUE(fields.contains(name)) << name;
  EXPECT_EQ(quality["sources"][2]["holds"], "events");
  EXPECT_GT(quality["sources"][2]["rejected_by_reason"]["unknown kind of event"], 0);
  EXPECT_GT(quality["sources"][2]["rejected_by_reason"]["event before 1970"], 0);
}

}  // namespace
}  // namespace limner::testing
