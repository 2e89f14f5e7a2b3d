// Raw tables to prepared/, end to end.
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <thread>

#include "tests/prepare/prepare_testing.h"

namespace limner::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

const char* reviews_yaml = R"(
  sources:
    - path: $/reviews.csv
      fields: {customer: who, text: text, time: at, item: item, label: label, stars: stars}
)";

TEST_F(PrepareTest, EveryKindOfRow) {
  folder.write("reviews.csv",
               "who,text,at,item,label,stars\n"
               "anna, very  good ,2020-01-01,phone,good,5\n"    // 2
               "bob,\xef\xbb\xbf不好,2020-01-02,,bad,1\n"       // 3
               "anna,very good,2020-01-01,phone,good,5\n"       // 4: a duplicate after cleaning
               "bob,very good,2020-01-01,phone,good,5\n"        // 5: another customer, so none
               "anna,<br>&nbsp;,2020-01-01,phone,good,5\n"      // 6: empty after cleaning
               "anna,few,fields\n"                              // 7
               ",nobody said this,2020-01-01,phone,good,5\n"    // 8
               "carl,when?,yesterday,phone,good,5\n"            // 9
               "carl,\"broken\xff\",2020-01-01,phone,good,5\n"  // 10
               "carl,no stars,,book,,\n");                      // 11
  run(reviews_yaml);
  expect_rows(10, 4, 1, 5);
  EXPECT_THAT(rejects(), ElementsAre("6 empty text", "7 wrong number of fields: 3, the header has 6",
                                     "8 missing customer", "9 bad time: field time", "10 broken UTF-8"));
  const PreparedReader table = prepared();
  EXPECT_THAT(table.texts(0, 4), ElementsAre("very good", "不好", "very good", "no stars"));
  EXPECT_THAT(table.customer_ids(0, 3), ElementsAre("anna", "bob", "carl"));
  EXPECT_THAT(table.customer_index(0, 4), ElementsAre(0, 1, 1, 2));
  EXPECT_THAT(table.items(0, 4), ElementsAre("phone", "", "phone", "book"));
  EXPECT_THAT(table.time(0, 4),
              ElementsAre(1577836800000000, 1577923200000000, 1577836800000000, missing_time));
  EXPECT_EQ(table.source(3, 1).at(0).second, 11);
  EXPECT_THAT(table.values("label", 0, 4).codes, ElementsAre(1, 0, 1, -1));
  EXPECT_EQ(table.values("stars", 0, 1).numbers.at(0), 5);

  const Json report = quality();
  EXPECT_EQ(report.at("rejected").at("broken UTF-8"), 1);
  EXPECT_EQ(report.at("text").at("languages").at("han"), 0.25);
  EXPECT_EQ(report.at("text").at("characters").at("max"), 9);
  EXPECT_EQ(report.at("time").at("missing"), 1);
  EXPECT_EQ(report.at("time").at("last"), "2020-01-02T00:00:00Z");
  EXPECT_EQ(report.at("items").at("distinct"), 2);
  EXPECT_EQ(report.at("customers").at("count"), 3);
  EXPECT_EQ(report.at("fields").at(0).at("name"), "label");
  EXPECT_EQ(report.at("fields").at(0).at("top").at(0).at("value"), "good");
  EXPECT_EQ(report.at("fields").at(1).at("mean"), 11.0 / 3);
}

TEST_F(PrepareTest, RejectsAndReportHoldNoText) {
  folder.write("reviews.csv",
               "who,text,at,item,label,stars\nanna,secret one,2020-01-01,p,good,5\n"
               "anna,secret two,secret,p,good,5\nanna,secret three,2020-01-01,p\n");
  run(reviews_yaml);
  for (const char* file : {"rejects.jsonl", "quality.json"}) {
    EXPECT_THAT(read_bytes(folder / "run/prepared" / file), Not(HasSubstr("secret"))) << file;
  }
}

TEST_F(PrepareTest, DuplicatesMayStay) {
  folder.write("reviews.csv", "who,text,at,item,label,stars\na,x y,1,p,g,5\na,x y,1,p,g,5\nb,z,1,p,g,4\n");
  run(std::string(reviews_yaml) + "  duplicates: keep\n");
  expect_rows(3, 3, 0, 0);
}

TEST_F(PrepareTest, TimeItemAndFieldsTellRowsApart) {
  folder.write("reviews.csv",
               "who,text,at,item,label,stars\na,x,1,p,g,5\na,x,2,p,g,5\na,x,1,q,g,5\na,x,1,p,h,5\na,x,1,p,g,"
               "\na,x,1,p,g,5\n");
  run(reviews_yaml);
  expect_rows(6, 5, 1, 0);
}

TEST_F(PrepareTest, LengthLimits) {
  folder.write("reviews.csv",
               "text\nab\nabc\n一二三四五六\n一二三四五六七\n" + std::string(200000, 'x') + "\n");
  run("  sources: [{path: $/reviews.csv, fields: {text: text}}]\n"
      "  clean: {min_characters: 3, max_characters: 6}\n");
  EXPECT_THAT(prepared().texts(0, 2), ElementsAre("abc", "一二三四五六"));
  EXPECT_THAT(rejects(), ElementsAre("2 text too short: less than prepare.clean.min_characters",
                                     "5 value too long: more than prepare.clean.max_characters",
                                     "6 value too long: more than prepare.clean.max_characters"));
  // Without a column for the customer each row is its own.
  EXPECT_THAT(prepared().customer_ids(0, 2), ElementsAre("0", "1"));
}

const char* joined_yaml = R"(
  sources:
    - path: $/customers.jsonl
      fields: {customer: id, age: age, region: region}
    - path: $/reviews.tsv
      fields: {customer: who, text: text}
)";

TEST_F(PrepareTest, CustomersAreJoined) {
  folder.write("reviews.tsv", "who\ttext\nb\tone\n a \ttwo\nc\tthree\nb\tfour\n");
  folder.write("customers.jsonl",
               "{\"id\": \"a\", \"age\": 30, \"region\": \"north\"}\n"
               "{\"id\": \"silent\", \"age\": 31, \"region\": \"north\"}\n"
               "{\"id\": \"b\", \"age\": null, \"region\": \"south\"}\n"
               "{\"id\": \"a\", \"age\": 30, \"region\": \"north\"}\n"
               "{\"id\": \"a\", \"age\": 31, \"region\": \"north\"}\n"
               "{\"id\": \"\", \"age\": 31}\n"
               "{\"id\": \"torn\n");
  run(joined_yaml);
  expect_rows(4, 4, 0, 0);
  const PreparedReader table = prepared();
  EXPECT_THAT(table.customer_ids(0, 3), ElementsAre("b", "a", "c"));
  const auto age = table.customer_values("age").numbers;
  EXPECT_TRUE(std::isnan(age[0]) && std::isnan(age[2]));
  EXPECT_EQ(age[1], 30);
  EXPECT_THAT(table.customer_values("region").codes, ElementsAre(1, 0, -1));
  EXPECT_THAT(table.values("region", 0, 4).codes, ElementsAre(1, 0, -1, 1));
  EXPECT_EQ(table.source(0, 1).at(0).first, 1);
  EXPECT_THAT(rejects(), ElementsAre("5 customer stands twice with different values: first in line 1",
                                     "6 missing customer", "7 malformed JSON"));
  const Json report = quality();
  EXPECT_EQ(report.at("customers").at("orphans"), 1);
  EXPECT_EQ(report.at("customers").at("with_attributes"), 2);
  EXPECT_EQ(report.at("customers").at("without_texts"), 1);
  const Json& source = report.at("sources").at(0);
  EXPECT_EQ(source.at("holds"), "customers");
  EXPECT_EQ(source.at("read"), 7);
  EXPECT_EQ(source.at("kept"), 2);
  EXPECT_EQ(source.at("duplicates"), 1);
  EXPECT_EQ(source.at("rejected"), 3);
}

TEST_F(PrepareTest, ATableOfOtherCustomersIsAnError) {
  folder.write("reviews.tsv", "who\ttext\nb\tone\n");
  folder.write("customers.jsonl", "{\"id\": 1, \"age\": 30, \"region\": \"north\"}\n");
  const Caught caught = failing(joined_yaml);
  EXPECT_EQ(caught.code, ExitCode::bad_data);
  EXPECT_THAT(caught.message, HasSubstr("none of its 1 customers"));
}

TEST_F(PrepareTest, MissingValuesByPolicy) {
  std::string table = "text,a,b,c\n";
  for (int row = 0; row < 50; ++row) table += fmt::format("text {},{},x,1\n", row, row % 2);
  folder.write("t.csv", table + "no a,,x,1\nno b,1,,1\nno c,1,x,\n");
  run("  sources: [{path: $/t.csv, fields: {text: text, a: a, b: b, c: c}}]\n"
      "  missing: {a: mean, b: most_frequent, c: reject}\n");
  expect_rows(53, 52, 0, 1);
  EXPECT_THAT(rejects(), ElementsAre("54 missing value: field c"));
  const PreparedReader reader = prepared();
  const double filled = reader.values("a", 50, 1).numbers.at(0);
  EXPECT_GT(filled, 0.3);
  EXPECT_LT(filled, 0.7);
  EXPECT_THAT(reader.values("b", 51, 1).codes, ElementsAre(0));
  EXPECT_EQ(quality().at("fields").at(0).at("missing"), 1);
  EXPECT_EQ(quality().at("fields").at(0).at("filled"), 1);
}

TEST_F(PrepareTest, DeclaredNumbersRejectWords) {
  folder.write("t.csv", "text,n,t\none,1,2020-01-01\ntwo,x,2020-01-01\nthree,3,x\n");
  run("  sources: [{path: $/t.csv, fields: {text: text, n: n, since: t}}]\n  types: {n: number, since: "
      "time}\n");
  EXPECT_THAT(rejects(), ElementsAre("3 bad number: field n", "4 bad time: field since"));
  EXPECT_THAT(prepared().values("since", 0, 1).numbers, ElementsAre(1577836800));
}

std::string many_reviews(int rows) {
  std::string table = "who,text,at,item,label,stars\n";
  for (int row = 0; row < rows; ++row) {
    table += fmt::format("c{},review number {},{},item {},{},{}\n", row % 37, row, 1600000000 + row, row % 11,
                         row % 3 == 0 ? "bad" : "good", row % 5);
  }
  return table;
}

TEST_F(PrepareTest, TheSameBytesForAnyNumberOfThreads) {
  folder.write("reviews.csv", many_reviews(10000));
  const std::vector<std::string> names{"prepared.h5", "quality.json", "rejects.jsonl"};
  std::map<std::string, std::string> first;
  for (const int64_t threads : {1, 3}) {
    run(settings(reviews_yaml, 17, threads));
    for (const std::string& name : names) {
      const std::string bytes = read_bytes(folder / "run/prepared" / name);
      if (threads == 1) {
        first[name] = bytes;
      } else {
        EXPECT_EQ(bytes, first[name]) << name;
      }
    }
    // HDF5 can note the time: two files of the same second would hide that.
    if (threads == 1) std::this_thread::sleep_for(std::chrono::milliseconds(1100));
  }
  EXPECT_EQ(prepared().rows(), 10000);
}

TEST_F(PrepareTest, SplitsStandInTheReport) {
  folder.write("reviews.csv", many_reviews(1000));
  run(std::string(reviews_yaml) + "  split: {train: 0.5, validation: 0.25, test: 0.25, stratify: label}\n");
  const Json splits = quality().at("splits");
  EXPECT_EQ(splits.at("train").at("rows"), 500);
  EXPECT_EQ(splits.at("train").at("classes").at("label").at("bad"), 167);
  EXPECT_EQ(splits.at("train").at("classes").at("label").at("good"), 333);
  EXPECT_EQ(splits.at("stratify"), "label");
  run(std::string(reviews_yaml) + "  split: {by: customer}\n");
  EXPECT_EQ(quality().at("splits").at("train").at("customers"), 29);  // of 37: 29.6, 3.7 and 3.7
}

TEST_F(PrepareTest, Warnings) {
  std::string table = "text,same,empty,name,near\n";
  for (int row = 0; row < 100; ++row)
    table += fmt::format("text {},x,,name {},{}\n", row, row, row == 7 ? "?" : "1");
  folder.write("t.csv", table);
  run("  sources: [{path: $/t.csv, fields: {text: text, same: same, empty: empty, name: name, near: near}}]\n"
      "  split: {train: 0.999, validation: 0.0005, test: 0.0005}\n");
  const std::string warnings = quality().at("warnings").dump();
  EXPECT_THAT(warnings, HasSubstr("field same has one value only"));
  EXPECT_THAT(warnings, HasSubstr("field empty has no value at all"));
  EXPECT_THAT(warnings, HasSubstr("field name has 100 different values"));
  EXPECT_THAT(warnings, HasSubstr("1 of its values are no numbers; prepare.types.near"));
  EXPECT_THAT(warnings, HasSubstr("the test part is empty"));
  EXPECT_THAT(read_bytes(folder / "run/prepared/quality.json"), Not(HasSubstr("name 55")));
}

TEST_F(PrepareTest, TablesWithoutAUsableRow) {
  folder.write("reviews.csv", "who,text,at,item,label,stars\n");
  Caught caught = failing(reviews_yaml);
  EXPECT_EQ(caught.code, ExitCode::bad_data);
  EXPECT_THAT(caught.message, HasSubstr("reviews.csv: has no rows"));
  folder.write("reviews.csv", "who,text,at,item,label,stars\na,,1,p,g,5\nfew\n,x,1,p,g,5\n");
  caught = failing(reviews_yaml);
  EXPECT_EQ(caught.code, ExitCode::bad_data);
  EXPECT_THAT(caught.message, HasSubstr("all 3 rows were rejected, the first in line 2"));
  EXPECT_THAT(caught.message, HasSubstr("1 of them: empty text"));
  folder.write("reviews.csv", "who,text,at,item,label,stars\na,\"open,1,p,g,5\nb,x,1,p,g,5\n");
  caught = failing(reviews_yaml);
  EXPECT_EQ(caught.code, ExitCode::bad_data);
  EXPECT_THAT(caught.message, HasSubstr("reviews.csv:2: a quote is left open"));
}

TEST_F(PrepareTest, AFailedRunLeavesTheOldResult) {
  folder.write("reviews.csv", many_reviews(100));
  run(reviews_yaml);
  const std::string before = read_bytes(folder / "run/prepared/prepared.h5");
  folder.write("reviews.csv", "who,text,at,item,label,stars\n");
  EXPECT_EQ(catch_error([&] { run(reviews_yaml); }).code, ExitCode::bad_data);
  EXPECT_EQ(read_bytes(folder / "run/prepared/prepared.h5"), before);
  EXPECT_THAT(folder.names(), ::testing::UnorderedElementsAre("run", "reviews.csv"));
}

TEST_F(PrepareTest, OneCustomerOnly) {
  folder.write("reviews.csv", "who,text,at,item,label,stars\na,x,1,p,g,5\na,y,1,p,g,5\na,z,1,p,g,5\n");
  run(reviews_yaml);
  EXPECT_EQ(prepared().customers(), 1);
  std::filesystem::remove_all(folder / "run");
  EXPECT_EQ(failing(std::string(reviews_yaml) + "  split: {by: customer}\n").code, ExitCode::bad_data);
}

}  // namespace
}  // namespace limner::testing
