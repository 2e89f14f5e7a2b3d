// What a user can get wrong: each ends with a clear message, the right exit code, and nothing half-written
// under a final name.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/cli/program.h"

namespace limner::testing {
namespace {

using ::testing::HasSubstr;

class BadInput : public ::testing::Test {
 protected:
  void SetUp() override {
    scratch.write("reviews.csv", small_reviews(40, 300));
    scratch.write("config.yaml", small_config());
  }
  // The whole message is in the failure's text, so a wrong one is seen at once.
  Outcome expect(const std::string& arguments, int exit_code, const std::vector<std::string>& words) {
    const Outcome outcome = limner(scratch.path(), arguments);
    EXPECT_EQ(outcome.exit_code, exit_code) << outcome.output;
    for (const std::string& word : words) EXPECT_THAT(outcome.output, HasSubstr(word));
    return outcome;
  }
  void replace(std::string text, const std::string& from, const std::string& to) {
    const size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos);
    scratch.write("config.yaml", text.replace(at, from.size(), to));
  }
  // Nothing under a final name, nothing temporary left.
  void expect_no_file(const std::string& name) {
    EXPECT_FALSE(fs::exists(scratch / name)) << name;
    if (!fs::exists(scratch / "run")) return;
    for (const auto& entry : fs::recursive_directory_iterator(scratch / "run")) {
      EXPECT_EQ(entry.path().filename().string().find(".tmp-"), std::string::npos) << entry.path();
    }
  }
  Scratch scratch;
};

TEST_F(BadInput, UnknownCommand) { expect("trian config.yaml", 64, {"trian", "train"}); }
TEST_F(BadInput, MissingConfigurationArgument) { expect("train", 64, {"CONFIG"}); }
TEST_F(BadInput, MissingConfigurationFile) { expect("train nowhere.yaml", 66, {"nowhere.yaml"}); }
TEST_F(BadInput, NameTooLong) {
  const std::string name(300, 'n'), words = name + ": a name too long for this file system";
  for (const std::string arguments : {"train ", "verify ", "prepare config.yaml run.directory="}) {
    expect(arguments + name, 66, {words});
  }
  replace(small_config(), "reviews.csv", name);
  expect("prepare config.yaml", 66, {words});
}
TEST_F(BadInput, UnknownKey) {
  replace(small_config(), "learning_rate", "learning_rat");
  expect("prepare config.yaml", 78, {"config.yaml:", "learning_rat", "learning_rate"});
  expect_no_file("run/prepared/prepared.h5");
}
TEST_F(BadInput, UnknownOverride) {
  expect("prepare config.yaml train.lerning_rate=1", 78, {"lerning_rate", "learning_rate"});
}
TEST_F(BadInput, DuplicateKey) {
  replace(small_config(), "run: {directory: run, seed: 3}", "run: {directory: run, seed: 3}\nrun: {seed: 4}");
  expect("prepare config.yaml", 78, {"config.yaml:2", "run"});
}
TEST_F(BadInput, WrongType) {
  replace(small_config(), "num_train_epochs: 2", "num_train_epochs: two");
  expect("prepare config.yaml", 78, {"config.yaml:", "num_train_epochs", "two"});
}
TEST_F(BadInput, OutOfRange) {
  expect("prepare config.yaml train.weight_decay=-1", 78, {"weight_decay", "-1"});
}

TEST_F(BadInput, MissingTable) {
  fs::remove(scratch / "reviews.csv");
  expect("prepare config.yaml", 66, {"reviews.csv"});
  expect_no_file("run/prepared/prepared.h5");
}
TEST_F(BadInput, WrongColumns) {
  replace(small_config(), "text: text", "text: body");
  expect("prepare config.yaml", 65, {"reviews.csv", "body", "customer"});
}
TEST_F(BadInput, BrokenUtf8IsRejectedRowByRow) {
  scratch.write("reviews.csv", small_reviews(40, 300) + "c1,\"br\xff\xfeoken\",good,1,1600000000\n");
  expect("prepare config.yaml", 0, {});
  EXPECT_THAT(read(scratch / "run/prepared/rejects.jsonl"), HasSubstr("302"));
  EXPECT_THAT(read(scratch / "run/prepared/rejects.jsonl"), HasSubstr("UTF-8"));
}
TEST_F(BadInput, QuoteLeftOpen) {
  scratch.write("reviews.csv",
                small_reviews(40, 300) + "c1,\"left open,good,1,1600000000\nc2,fine,good,1,1600000000\n");
  expect("prepare config.yaml", 65, {"reviews.csv", "302", "quote"});
  expect_no_file("run/prepared/prepared.h5");
}
TEST_F(BadInput, VeryLongRowIsRejected) {
  scratch.write("reviews.csv",
                small_reviews(40, 300) + "c1,\"" + std::string(200000, 'x') + "\",good,1,1600000000\n");
  expect("prepare config.yaml", 0, {});
  EXPECT_THAT(read(scratch / "run/prepared/rejects.jsonl"), HasSubstr("302"));
}
TEST_F(BadInput, VeryLongRowIsTakenWhenAllowed) {
  std::string words;
  while (words.size() < 200000) words += "word ";
  scratch.write("reviews.csv", small_reviews(40, 300) + "c1,\"" + words + "\",good,1,1600000000\n");
  expect("prepare config.yaml prepare.clean.max_characters=1000000", 0, {});
  EXPECT_EQ(read(scratch / "run/prepared/rejects.jsonl"), "");
  expect("train config.yaml train.max_steps=2", 0, {});
}
TEST_F(BadInput, EmptyTable) {
  scratch.write("reviews.csv", "customer,text,label,amount,time\n");
  expect("prepare config.yaml", 65, {"reviews.csv"});
  expect_no_file("run/prepared/prepared.h5");
}
TEST_F(BadInput, EmptyFile) {
  scratch.write("reviews.csv", "");
  expect("prepare config.yaml", 65, {"reviews.csv"});
}
TEST_F(BadInput, OneCustomerOnly) {
  scratch.write("reviews.csv", small_reviews(1, 300));
  expect("run config.yaml", 65, {"customer"});
  expect_no_file("run/profile/report.html");
}
// A customer whose texts are all empty, and one who stands in the table of customers alone.
TEST_F(BadInput, ACustomerWithoutTextGetsNoProfile) {
  scratch.write("reviews.csv",
                small_reviews(40, 300) + "quiet,,good,1,1600000000\nquiet,\"  \",bad,2,1600000000\n");
  std::string people = "id,region\n";
  for (int customer = 0; customer < 40; ++customer)
    people += "c" + std::to_string(customer) + (customer % 2 == 0 ? ",north\n" : ",south\n");
  scratch.write("people.csv", people + "quiet,north\nabsent,south\n");
  replace(small_config(),
          "  types:", "    - {path: people.csv, fields: {customer: id, region: region}}\n  types:");
  expect("run config.yaml", 0, {"2 rejected", "report.html"});
  const Json quality = read_json(scratch / "run/prepared/quality.json");
  EXPECT_EQ(quality["rejected"]["empty text"], 2);
  EXPECT_EQ(quality["customers"]["without_texts"], 2);
  const std::string profiles = read(scratch / "run/profile/profiles.jsonl");
  EXPECT_EQ(std::count(profiles.begin(), profiles.end(), '\n'), 40);
  EXPECT_EQ(profiles.find("\"quiet\""), std::string::npos);
  EXPECT_THAT(read(scratch / "run/profile/report.html"),
              HasSubstr("2 customers of the table wrote nothing and got no profile."));
  expect("check config.yaml", 0, {"customers                 40\n", "memory of rank 0, profile"});
}
TEST_F(BadInput, OneClassOnly) {
  std::string table = "customer,text,label,amount,time\n";
  for (int row = 0; row < 50; ++row)
    table += "c" + std::to_string(row % 7) + ",text number " + std::to_string(row) + ",good,1,1600000000\n";
  scratch.write("reviews.csv", table);
  expect("prepare config.yaml", 0, {});
  expect("train config.yaml", 65, {"label", "good"});
  expect_no_file("run/checkpoints/best");
}
TEST_F(BadInput, UnknownHeadField) {
  replace(small_config(), "{name: label, field: label}", "{name: label, field: lable}");
  expect("prepare config.yaml", 0, {});
  expect("train config.yaml", 78, {"lable", "label"});
}
TEST_F(BadInput, TrainBeforePrepare) { expect("train config.yaml", 66, {"prepared.h5", "limner prepare"}); }
TEST_F(BadInput, ProfileBeforeExtract) {
  expect("prepare config.yaml", 0, {});
  expect("profile config.yaml", 66, {"limner extract"});
}

class BadCheckpoint : public BadInput {
 protected:
  void SetUp() override {
    BadInput::SetUp();
    expect("run config.yaml", 0, {"report.html"});
    fs::copy(scratch / "run/checkpoints/best", scratch / "model", fs::copy_options::recursive);
    fs::remove_all(scratch / "run/checkpoints");
  }
};

TEST_F(BadCheckpoint, TruncatedSafetensors) {
  const std::string whole = read(scratch / "model/model.safetensors");
  scratch.write("model/model.safetensors", whole.substr(0, whole.size() / 2));
  expect("train config.yaml model.checkpoint=model", 65, {"model.safetensors"});
  expect_no_file("run/checkpoints/best");
}
TEST_F(BadCheckpoint, TokenizerThatDoesNotFit) {
  std::string config = read(scratch / "model/config.json");
  const size_t at = config.find("\"vocab_size\":");
  ASSERT_NE(at, std::string::npos);
  const size_t end = config.find_first_of(",\n}", at);
  scratch.write("model/config.json", config.replace(at, end - at, "\"vocab_size\": 50"));
  expect("train config.yaml model.checkpoint=model", 65, {"50"});
}
TEST_F(BadCheckpoint, MissingWeights) {
  fs::remove(scratch / "model/model.safetensors");
  expect("train config.yaml model.checkpoint=model", 66, {"model.safetensors"});
}
TEST_F(BadCheckpoint, PickleIsRefused) {
  fs::rename(scratch / "model/model.safetensors", scratch / "model/pytorch_model.bin");
  expect("train config.yaml model.checkpoint=model", 65, {"pytorch_model.bin", "save_pretrained"});
}

// The largest file a process may write stands in for a full disk; it needs no mount and no root.
TEST_F(BadInput, FullDisk) {
  const Outcome prepared = limner(scratch.path(), "prepare config.yaml", 1, "ulimit -f 8 && ");
  EXPECT_EQ(prepared.exit_code, 74) << prepared.output;
  EXPECT_THAT(prepared.output, HasSubstr("run/prepared"));
  expect_no_file("run/prepared/prepared.h5");
  expect("prepare config.yaml", 0, {});
  const Outcome trained = limner(scratch.path(), "train config.yaml", 1, "ulimit -f 40 && ");
  EXPECT_EQ(trained.exit_code, 74) << trained.output;
  expect_no_file("run/checkpoints/best");
}

TEST_F(BadInput, OneRankSpeaksForAll) {
  replace(small_config(), "text: text", "text: body");
  const Outcome outcome = limner(scratch.path(), "prepare config.yaml", 3);
  EXPECT_EQ(outcome.exit_code, 65) << outcome.output;
  const size_t first = outcome.output.find("no column `body`");
  ASSERT_NE(first, std::string::npos) << outcome.output;
  EXPECT_EQ(outcome.output.find("no column `body`", first + 1), std::string::npos) << outcome.output;
  EXPECT_THAT(outcome.output, HasSubstr("rank 0 of 3"));
}

}  // namespace
}  // namespace limner::testing
