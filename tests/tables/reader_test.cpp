// Raw tables with every kind of dirt: what becomes a value, what a rejected record, what ends the run.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tables/utf8.h"
#include "tests/tables/helpers.h"

namespace limner::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const Fields both{{"label", "b"}, {"text", "a"}};  // values come in the order label, text

std::vector<std::vector<std::string>> values_of(const std::vector<Record>& records) {
  std::vector<std::vector<std::string>> values;
  for (const Record& record : records) {
    EXPECT_TRUE(record.problem.none()) << "line " << record.line << ": " << record.problem.text();
    values.push_back(record.values);
  }
  return values;
}
std::vector<int64_t> lines_of(const std::vector<Record>& records) {
  std::vector<int64_t> lines;
  for (const Record& record : records) lines.push_back(record.line);
  return lines;
}

TEST(Csv, QuotesNewlinesAndLineNumbers) {
  const TestFolder folder;
  const auto path = folder.write("t.csv",
                                 "a,b,c\n"
                                 "plain,1,x\n"
                                 "\"with, comma and \"\"quotes\"\"\",2,x\n"
                                 "\"two\nlines\",3,x\n"
                                 "it's 5\" wide,4,\n"
                                 "\"\",5,x");
  const auto records = read_all(path, both);
  EXPECT_THAT(
      values_of(records),
      ElementsAre(ElementsAre("1", "plain"), ElementsAre("2", "with, comma and \"quotes\""),
                  ElementsAre("3", "two\nlines"), ElementsAre("4", "it's 5\" wide"), ElementsAre("5", "")));
  EXPECT_THAT(lines_of(records), ElementsAre(2, 3, 4, 6, 7));
}

TEST(Csv, CarriageReturnsBlankLinesAndByteOrderMark) {
  const TestFolder folder;
  const auto path =
      folder.write("t.csv", "\xef\xbb\xbf\"a\",b\r\n\r\nx,1\r\n\n\"y\r\nz\",2\r\nin\rside,3\r\nlast,\"4\"\r");
  const auto records = read_all(path, both);
  EXPECT_THAT(values_of(records), ElementsAre(ElementsAre("1", "x"), ElementsAre("2", "y\r\nz"),
                                              ElementsAre("3", "in\rside"), ElementsAre("4", "last")));
  EXPECT_THAT(lines_of(records), ElementsAre(3, 5, 7, 8));
}

TEST(Csv, TabsPartAndCommasDoNot) {
  const TestFolder folder;
  const auto path = folder.write("t.tsv", "a\tb\none, two\t1\n\"tab\there\"\t2\n\t3\n");
  EXPECT_THAT(values_of(read_all(path, both)),
              ElementsAre(ElementsAre("1", "one, two"), ElementsAre("2", "tab\there"), ElementsAre("3", "")));
}

TEST(Csv, OneColumnMayServeTwoFields) {
  const TestFolder folder;
  const auto path = folder.write("t.csv", "a,b\nx,1\n");
  EXPECT_THAT(values_of(read_all(path, {{"category", "b"}, {"customer", "b"}, {"text", "a"}})),
              ElementsAre(ElementsAre("1", "1", "x")));
}

TEST(Csv, SeveralColumnsMakeOneField) {
  const TestFolder folder;
  const auto path = folder.write("t.csv", "a,b,c\nx,1,y\n,2,z\nw,3,\n,4,\n");
  const Fields joined{{"label", "b"}, {"text", "c + a"}};
  EXPECT_THAT(values_of(read_all(path, joined)), ElementsAre(ElementsAre("1", "y\nx"), ElementsAre("2", "z"),
                                                             ElementsAre("3", "w"), ElementsAre("4", "")));
  EXPECT_THAT(catch_error([&] {
                read_all(path, {{"text", "a + missing"}});
              }).message,
              HasSubstr("`missing`"));
}

TEST(Csv, RecordsWithAProblemDoNotHarmTheirNeighbours) {
  const TestFolder folder;
  const auto path = folder.write(
      "t.csv", "a,b\nfine,1\nfew\ntoo,many,fields\nbroken \xff,2\n\xe4\xb8,3\n\"closed\"too early,4\n" +
                   std::string(5000, 'x') + ",5\nfine again,6\n");
  const auto records = read_all(path, both);
  ASSERT_EQ(records.size(), 8u);
  EXPECT_TRUE(records[0].problem.none());
  EXPECT_EQ(records[1].problem.text(), "wrong number of fields: 1, the header has 2");
  EXPECT_EQ(records[2].problem.text(), "wrong number of fields: 3, the header has 2");
  EXPECT_EQ(records[3].problem.text(), "broken UTF-8");
  EXPECT_EQ(records[4].problem.text(), "broken UTF-8");
  EXPECT_EQ(records[5].problem.text(), "text after a closing quote");
  EXPECT_EQ(records[6].problem.reason, "value too long");
  EXPECT_TRUE(records[7].problem.none());
  EXPECT_THAT(records[7].values, ElementsAre("6", "fine again"));
  EXPECT_THAT(lines_of(records), ElementsAre(2, 3, 4, 5, 6, 7, 8, 9));
}

TEST(Csv, ALongValueOfAColumnThatIsNotMappedDoesNoHarm) {
  const TestFolder folder;
  const auto path = folder.write("t.csv", "a,b,c\nx,1,\"" + std::string(100000, 'z') + "\xff\"\n");
  EXPECT_THAT(values_of(read_all(path, both)), ElementsAre(ElementsAre("1", "x")));
}

TEST(Csv, AQuoteLeftOpenIsFoundAtTheEnd) {
  const TestFolder folder;
  const auto path = folder.write("t.csv", "a,b\nfine,1\n\"left open,2\nfine,3\nfine,4\n");
  const Caught caught = catch_error([&] { read_all(path, both); });
  EXPECT_EQ(caught.code, ExitCode::bad_data);
  EXPECT_THAT(caught.message, HasSubstr("t.csv:3: a quote is left open"));
}

TEST(Csv, AQuoteLeftOpenIsFoundAtTheNextQuote) {
  const TestFolder folder;
  const auto path = folder.write("t.csv", "a,b\n\"left open,2\nfine,3\n\"quoted, too\",4\n");
  const Caught caught = catch_error([&] { read_all(path, both); });
  EXPECT_EQ(caught.code, ExitCode::bad_data);
  EXPECT_THAT(caught.message, HasSubstr("t.csv:2: a quote is left open"));
  EXPECT_THAT(caught.message, HasSubstr("line 4"));
}

TEST(Csv, AQuoteLeftOpenInABigFileIsNotHeldInMemory) {
  const TestFolder folder;
  std::string table = "a,b\n\"left open,1\n";
  for (int row = 0; row < 20000; ++row) table += "a row without quotes," + std::to_string(row) + "\n";
  const auto path = folder.write("t.csv", table);
  const auto reader = open_table(path, TableFormat::csv, both, 100);
  Record record;
  EXPECT_EQ(catch_error([&] { reader->next(record); }).code, ExitCode::bad_data);
  EXPECT_LE(record.values[0].capacity() + record.values[1].capacity(), 2000u);
}

TEST(Csv, HeaderErrors) {
  const TestFolder folder;
  const auto missing = folder.write("missing.csv", "one,two\nx,y\n");
  const Caught caught = catch_error([&] { read_all(missing, both); });
  EXPECT_EQ(caught.code, ExitCode::bad_data);
  EXPECT_THAT(caught.message, HasSubstr("no column `b` for field `label`; the columns are: one, two"));
  const auto twice = folder.write("twice.csv", "a,b,b\nx,y,z\n");
  EXPECT_THAT(catch_error([&] { read_all(twice, both); }).message, HasSubstr("more than one column `b`"));
  EXPECT_THAT(catch_error([&] { read_all(folder.write("e.csv", ""), both); }).message, HasSubstr("is empty"));
  EXPECT_THAT(catch_error([&] { read_all(folder.write("g.csv", "a,b\xc0\n"), both); }).message,
              HasSubstr("not UTF-8"));
  EXPECT_THAT(catch_error([&] {
                read_all(folder.write("u.csv", std::string("\xff\xfe"
                                                           "a\0",
                                                           4)),
                         both);
              }).message,
              HasSubstr("UTF-16"));
  EXPECT_TRUE(read_all(folder.write("h.csv", "a,b"), both).empty());
}

TEST(Source, MissingFileFolderAndUnknownFormat) {
  const TestFolder folder;
  EXPECT_EQ(catch_error([&] { read_all(folder / "none.csv", both); }).code, ExitCode::missing_input);
  std::filesystem::create_directory(folder / "d.csv");
  EXPECT_EQ(catch_error([&] { read_all(folder / "d.csv", both); }).code, ExitCode::missing_input);
  EXPECT_EQ(catch_error([&] { table_format("table.xlsx", "auto"); }).code, ExitCode::bad_config);
  EXPECT_EQ(table_format("table.txt", "tsv"), TableFormat::tsv);
  EXPECT_EQ(table_format("a.b/t.jsonl.gz", "auto"), TableFormat::jsonl);
}

TEST(Source, GzipWholeDamagedAndTruncated) {
  const TestFolder folder;
  std::string table = "a,b\n";
  for (int row = 0; row < 30000; ++row) table += "text " + std::to_string(row * 7919 % 30011) + ",1\n";
  const auto path = folder.write_gzip("t.csv.gz", table);
  const auto records = read_all(path, both);
  EXPECT_EQ(records.size(), 30000u);
  EXPECT_EQ(records.back().values[1], "text " + std::to_string(29999 * 7919 % 30011));

  const std::string whole = read_bytes(path);
  const auto torn = folder.write("torn.csv.gz", whole.substr(0, whole.size() / 2));
  const Caught truncated = catch_error([&] { read_all(torn, both); });
  EXPECT_EQ(truncated.code, ExitCode::bad_data);
  EXPECT_THAT(truncated.message, HasSubstr("truncated"));
  std::string damaged = whole;
  damaged[whole.size() / 2] = static_cast<char>(damaged[whole.size() / 2] ^ 0x55);
  EXPECT_EQ(catch_error([&] { read_all(folder.write("bad.csv.gz", damaged), both); }).code,
            ExitCode::bad_data);
}

TEST(Jsonl, ValuesAsWritten) {
  const TestFolder folder;
  const auto path =
      folder.write("t.jsonl",
                   "{\"a\": \"\\u4e2d\\n\\\"x\\\"\", \"b\": 1.50, \"other\": {\"deep\": [1, {}]}}\n"
                   "\n"
                   "{\"b\": true, \"a\": null}\r\n"
                   "{\"b\": [\"one\", 2, null, \"three\"]}\n"
                   "{\"a\": \"last\", \"b\": 12345678901234567890123}");
  const auto records = read_all(path, both);
  EXPECT_THAT(values_of(records),
              ElementsAre(ElementsAre("1.50", "中\n\"x\""), ElementsAre("true", ""),
                          ElementsAre("one|2|three", ""), ElementsAre("12345678901234567890123", "last")));
  EXPECT_THAT(lines_of(records), ElementsAre(1, 3, 4, 5));
}

TEST(Jsonl, RecordsWithAProblem) {
  const TestFolder folder;
  const auto path = folder.write("t.jsonl",
                                 "{\"a\": \"x\", \"b\": 1}\n"
                                 "{\"a\": \"x\", \"b\": 1\n"
                                 "{\"a\": \"\xff\"}\n"
                                 "{\"a\": 1, \"a\": 2}\n"
                                 "[1, 2]\n"
                                 "null\n"
                                 "{\"a\": {\"x\": 1}}\n"
                                 "{\"a\": \"\\ud800\"}\n"
                                 "{\"a\": 1} {\"a\": 2}\n"
                                 "{\"a\": \"" +
                                     std::string(4001, 'x') +
                                     "\"}\n"
                                     "{\"a\": \"" +
                                     std::string(2000000, 'x') +
                                     "\"}\n"
                                     "{\"a\": NaN}\n"
                                     "{\"a\": \"y\", \"b\": 2}\n");
  const auto records = read_all(path, both);
  std::vector<std::string> reasons;
  for (const Record& record : records) reasons.push_back(record.problem.reason);
  EXPECT_THAT(reasons,
              ElementsAre("", "malformed JSON", "broken UTF-8", "malformed JSON", "malformed JSON",
                          "malformed JSON", "nested JSON in a mapped key", "malformed JSON", "malformed JSON",
                          "value too long", "value too long", "malformed JSON", ""));
  EXPECT_THAT(records.back().values, ElementsAre("2", "y"));
}

TEST(Jsonl, DeepNestingIsNoStackOverflow) {
  const TestFolder folder;
  const auto path =
      folder.write("t.jsonl", "{\"a\": \"x\", \"b\": 1, \"c\": " + std::string(500000, '[') + "\n");
  EXPECT_EQ(read_all(path, both).at(0).problem.reason, "malformed JSON");
}

TEST(Jsonl, AKeyThatNoLineHasAndAnArray) {
  const TestFolder folder;
  const auto path = folder.write("t.jsonl", "{\"a\": 1, \"other\": 2}\n");
  const Caught caught = catch_error([&] { read_all(path, both); });
  EXPECT_EQ(caught.code, ExitCode::bad_data);
  EXPECT_THAT(caught.message, HasSubstr("no line has the key `b` for field `label`; the keys are: a, other"));
  const auto array = folder.write("array.jsonl", "[{\"a\": 1}]\n");
  EXPECT_THAT(catch_error([&] { read_all(array, both); }).message, HasSubstr("JSON array"));
}

TEST(Utf8, ValidAndBroken) {
  for (const char* valid : {"", "ascii of more than eight bytes", "é", "中文评论", "😀", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_TRUE(valid_utf8(valid)) << valid;
  }
  for (const char* broken :
       {"\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xe4\xb8", "abcdefgh\xff", "\xe4\xb8z"}) {
    EXPECT_FALSE(valid_utf8(broken));
  }
  EXPECT_EQ(count_characters("a中é😀"), 4);
}

TEST(RealTables, EveryRowIsRead) {
  const std::map<std::string, std::pair<Fields, size_t>> tables{
      {"shopping_reviews.csv", {{{"text", "review"}, {"category", "cat"}, {"label", "label"}}, 62774}},
      {"takeaway_reviews.csv", {{{"text", "review"}, {"label", "label"}}, 11987}},
      {"instrument_reviews.csv", {{{"text", "reviewText"}, {"customer", "reviewerID"}}, 5050}},
      {"bank_churn.csv", {{{"customer", "CustomerId"}, {"age", "Age"}, {"churned", "Exited"}}, 10000}}};
  for (const auto& [name, expected] : tables) {
    const auto path = real_table(name);
    if (!path) GTEST_SKIP() << name << " is not on this machine (set LIMNER_DATA)";
    const auto records = read_all(*path, expected.first, 100000);
    EXPECT_EQ(records.size(), expected.second) << name;
    for (const Record& record : records) {
      ASSERT_TRUE(record.problem.none()) << name << ":" << record.line << " " << record.problem.text();
    }
  }
}

}  // namespace
}  // namespace limner::testing
