// A run without texts, as a user would make it: `limner run` prepares and profiles; new customers are
// profiled with what an earlier run fitted.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/files.h"
#include "tests/cli/program.h"

namespace limner::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Customers of three countries; those with a high balance or of few visits leave. Some balances are missing.
std::string bank(int customers, uint64_t seed, bool with_target) {
  const char* countries[] = {"France", "Spain", "Germany"};
  const Random random(seed, "bank");
  std::string table = with_target ? "id,country,balance,visits,left\n" : "id,country,balance,visits\n";
  for (int row = 0; row < customers; ++row) {
    const auto draw = [&](int which) { return random.uniform(static_cast<uint64_t>(row * 8 + which)); };
    const double balance = 1000 * draw(0), visits = 20 * draw(1);
    const bool leaves = draw(2) < (balance > 700 ? 0.8 : visits < 4 ? 0.7 : 0.1);
    table += "b" + std::to_string(row) + "," + countries[static_cast<int>(draw(3) * 3)] + "," +
             (draw(4) < 0.05 ? "" : std::to_string(balance)) + "," + std::to_string(visits);
    table += with_target ? std::string(leaves ? ",yes" : ",no") + "\n" : "\n";
  }
  return table;
}

const char* const bank_yaml = R"(run: {directory: run, seed: 3}
runtime: {device: cpu, threads: 1}
prepare:
  sources:
    - path: bank.csv
      fields: {customer: id, country: country, balance: balance, visits: visits, left: left}
  split: {by: customer}
profile:
  segments: {k: 3}
  regressions:
    - {target: left, kind: logistic, attributes: [country, balance, visits]}
    - target: left
      kind: boosting
      trees: 60
      calibration: platt
      costs: {false_negative: 3}
      attributes: [country, balance, visits]
    - {target: balance, kind: elastic_net}
  fairness: {groups: [country]}
)";

const char* const new_yaml = R"(run: {directory: new, seed: 3}
runtime: {device: cpu, threads: 1}
prepare:
  sources:
    - path: new.csv
      fields: {customer: id, country: country, balance: balance, visits: visits}
  fitted_from: run/prepared/prepared.h5
profile: {fitted_from: run/profile}
)";

std::vector<Json> records(const fs::path& path) {
  std::vector<Json> result;
  std::istringstream stream(read(path));
  for (std::string line; std::getline(stream, line);) result.push_back(Json::parse(line));
  return result;
}

class Attributes : public ::testing::Test {
 protected:
  void SetUp() override {
    scratch.write("bank.csv", bank(400, 1, true));
    scratch.write("bank.yaml", bank_yaml);
    scratch.write("new.csv", bank(50, 2, false));
    scratch.write("new.yaml", new_yaml);
  }
  Outcome expect(const std::string& arguments, int exit_code, const std::vector<std::string>& words) {
    const Outcome outcome = limner(scratch.path(), arguments);
    EXPECT_EQ(outcome.exit_code, exit_code) << outcome.output;
    for (const std::string& word : words) EXPECT_THAT(outcome.output, HasSubstr(word));
    return outcome;
  }
  Scratch scratch;
};

TEST_F(Attributes, RunPreparesAndProfiles) {
  expect("run bank.yaml", 0, {"run/profile/report.html"});
  EXPECT_FALSE(fs::exists(scratch / "run/train"));
  EXPECT_FALSE(fs::exists(scratch / "run/embeddings"));
  const Json regressions = read_json(scratch / "run/profile/regression.json")["regressions"];
  ASSERT_EQ(regressions.size(), 3u);
  EXPECT_EQ(regressions[1]["name"], "left.boosting");
  EXPECT_GT(regressions[1]["feature_sets"][0]["out_of_fold"]["auc"].get<double>(), 0.7);
  EXPECT_EQ(regressions[1]["calibration"].size(), 4u);
  EXPECT_EQ(regressions[1]["deciles"].size(), 10u);
  EXPECT_EQ(regressions[1]["segments"].size(), 3u);
  const std::string report = read(scratch / "run/profile/report.html");
  EXPECT_THAT(report, HasSubstr("Can the probabilities be trusted?"));
  EXPECT_THAT(report, Not(HasSubstr("0 texts")));
  expect("run bank.yaml", 0, {"profile: inputs and settings unchanged, skipped"});
  expect("verify run", 0, {"400 rows"});
  expect("check bank.yaml", 0, {"texts"});
}

TEST_F(Attributes, TwoRanksGiveTheSameFiles) {
  expect("run bank.yaml", 0, {});
  const Outcome outcome = limner(scratch.path(), "run bank.yaml run.directory=two", 2);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  for (const char* name :
       {"regression.json", "segments.json", "profiles.jsonl", "profiles.h5", "models/segments.json",
        "models/model-left.boosting.json", "models/model-left.boosting.xgboost.json"}) {
    EXPECT_TRUE(read(scratch / "run/profile" / name) == read(scratch / "two/profile" / name)) << name;
  }
}

TEST_F(Attributes, NewCustomersGetSegmentsAndPredictions) {
  expect("run bank.yaml", 0, {});
  expect("run new.yaml", 0, {"new/profile/predictions.jsonl"});
  const std::vector<Json> told = records(scratch / "new/profile/predictions.jsonl");
  ASSERT_EQ(told.size(), 50u);
  for (const Json& record : told) {
    EXPECT_GE(record["segment"]["number"], 1);
    EXPECT_LE(record["segment"]["number"], 3);
    const Json& left = record["predictions"]["left.boosting"];
    EXPECT_EQ(left["of"], "yes");
    EXPECT_TRUE(left["predicted"] >= 0 && left["predicted"] <= 1);
    EXPECT_TRUE(record["predictions"]["balance"]["predicted"].is_number());
  }
  // Customers of the fit themselves stay in the segments they were in.
  std::string again = bank(400, 1, true);
  scratch.write("new.csv", again);
  expect("run new.yaml", 0, {});
  const std::vector<Json> seen = records(scratch / "new/profile/predictions.jsonl");
  const std::vector<Json> profiles = records(scratch / "run/profile/profiles.jsonl");
  ASSERT_EQ(seen.size(), profiles.size());
  for (size_t i = 0; i < seen.size(); ++i) EXPECT_EQ(seen[i]["segment"], profiles[i]["segment"]) << i;
}

TEST_F(Attributes, NewCustomersWithoutAColumnAreRefused) {
  expect("run bank.yaml", 0, {});
  std::string config = new_yaml;
  config.replace(config.find(", visits: visits"), 16, "");
  scratch.write("new.yaml", config);
  expect("run new.yaml", 65, {"'visits'", "prepare.sources"});
  EXPECT_FALSE(fs::exists(scratch / "new/profile"));
  scratch.write("new.yaml", new_yaml);
  scratch.write("new.csv", "id,country,balance\nb1,Spain,3\n");
  expect("run new.yaml", 65, {"new.csv", "visits"});
}

TEST_F(Attributes, NewCustomersWantThePreparationOfTheFit) {
  expect("run bank.yaml", 0, {});
  std::string config = new_yaml;
  const size_t line = config.find("  fitted_from: run");
  config.erase(line, config.find('\n', line) + 1 - line);
  scratch.write("new.yaml", config);
  expect("run new.yaml", 78, {"prepare.fitted_from"});
  scratch.write("new.yaml", new_yaml);
  fs::remove_all(scratch / "run/profile/models");
  expect("run new.yaml", 66, {"run/profile/models"});
}

TEST_F(Attributes, WhatCannotBeFittedIsRefused) {
  expect("run bank.yaml profile.segments.k=401", 78, {"401 segments of 400 customers"});
  expect("profile bank.yaml profile.regressions.0.kind=oracle", 78, {"oracle", "boosting"});
  expect("profile bank.yaml profile.regressions.1.kind=logistic", 78, {"left", "two models"});
  expect("profile bank.yaml profile.regressions.0.target=visits", 78, {"visits", "logistic wants two"});
  expect("train bank.yaml", 78, {"none maps `text`", "limner profile"});
  std::string table = bank(60, 1, true);
  for (size_t at = table.find(",yes"); at != std::string::npos; at = table.find(",yes"))
    table.replace(at, 4, ",no");
  scratch.write("bank.csv", table);
  expect("run bank.yaml", 65, {"left", "the same value"});
  EXPECT_FALSE(fs::exists(scratch / "run/profile"));
}

TEST_F(Attributes, ACustomerWhoStandsTwice) {
  scratch.write("bank.csv", bank(60, 1, true) + "b3,Spain,1,1,yes\n");
  expect("prepare bank.yaml", 0, {"61 rows read, 60 prepared", "1 rejected"});
  EXPECT_THAT(read(scratch / "run/prepared/rejects.jsonl"), HasSubstr("stands twice"));
}

// 10,000 real customers, where this machine has them.
TEST(BankChurn, BoostingTellsWhoLeaves) {
  const char *data = std::getenv("LIMNER_DATA"), *source = std::getenv("LIMNER_SOURCE");
  ASSERT_NE(source, nullptr);
  const fs::path table = (data ? fs::path(data) : fs::path(source) / "../shared/data") / "bank_churn.csv";
  if (!fs::exists(table)) GTEST_SKIP() << "bank_churn.csv is not on this machine (set LIMNER_DATA)";
  const Scratch scratch;
  const Outcome outcome =
      limner(scratch.path(), "run " + (fs::path(source) / "configs/bank_churn.yaml").string() +
                                 " prepare.sources.0.path=" + fs::absolute(table).string());
  ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  const Json regressions = read_json(scratch / "runs/bank_churn/profile/regression.json")["regressions"];
  // scikit-learn's logistic regression, on five folds of its own.
  EXPECT_NEAR(regressions[0]["feature_sets"][0]["out_of_fold"]["auc"].get<double>(), 0.8329, 0.005);
  EXPECT_NEAR(regressions[0]["feature_sets"][0]["out_of_fold"]["log_loss"].get<double>(), 0.3723, 0.005);
  EXPECT_GE(regressions[1]["feature_sets"][0]["out_of_fold"]["auc"].get<double>(), 0.85);
  EXPECT_LT(regressions[1]["calibration"][2]["calibration_error"].get<double>(), 0.02);
}

}  // namespace
}  // namespace limner::testing
