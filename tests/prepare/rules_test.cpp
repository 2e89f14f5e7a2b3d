// Validation rules, and columns that no field names.
#include <gtest/gtest.h>

#include "prepare/plan.h"
#include "tests/prepare/prepare_testing.h"

namespace limner::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class Rules : public PrepareTest {
 protected:
  // The lines that break `rule`, of a table with the columns text, n, m, at, word and tags.
  std::vector<std::string> broken(const std::string& rule, const std::string& rows) {
    folder.write("t.csv", "text,n,m,at,word,tags\n" + rows + "always there,5,5,2020-01-01,ok,ok\n");
    run(yaml(rule));
    return rejects();
  }
  static std::string yaml(const std::string& rule) {
    return "  sources: [{path: $/t.csv, fields: {text: text, n: n, m: m, at: at, word: word, tags: tags}}]\n"
           "  types: {n: number, m: number, at: time, tags: multi_category}\n  rules:\n    - {" +
           rule + "}\n";
  }
};

TEST_F(Rules, Required) {
  EXPECT_THAT(broken("field: word", "a,1,1,,x,\nb,1,1,, \xe2\x80\x8b,\nc,1,1,,,\n"),
              ElementsAre("3 rule word required: field word", "4 rule word required: field word"));
}

TEST_F(Rules, RangesOfNumbersAndTimes) {
  const std::string numbers = "a,-1,,,,\nb,0,,,,\nc,7.5,,,,\nd,7.51,,,,\ne,,,,,\n";
  EXPECT_THAT(broken("field: n, check: range, low: 0, high: 7.5, name: small", numbers),
              ElementsAre("2 rule small: field n", "5 rule small: field n"));
  EXPECT_THAT(
      broken("field: at, check: range, low: 1970-01-01", "a,,,-1,,\nb,,,0,,\nc,,,1969-12-31,,\nd,,,,,\n"),
      ElementsAre("2 rule at range: field at", "4 rule at range: field at"));
}

TEST_F(Rules, PatternsMatchTheWholeValue) {
  const std::string rows = "a,,,,A-12,\nb,,,,xA-12,\nc,,,,A-123,\nd,,,,中文,\ne,,,,,\n";
  EXPECT_THAT(broken("field: word, check: pattern, pattern: '[A-Z]-\\d+|ok'", rows),
              ElementsAre("3 rule word pattern: field word", "5 rule word pattern: field word"));
  EXPECT_THAT(broken("field: word, check: pattern, pattern: '(?i)\\p{Han}+|a.*|OK'", rows),
              ElementsAre("3 rule word pattern: field word"));
  EXPECT_THAT(
      broken("field: text, check: pattern, pattern: '.*(good|there).*'", "very good,,,,,\nbad,,,,,\n"),
      ElementsAre("3 rule text pattern: field text"));
}

TEST_F(Rules, AllowedValuesAndParts) {
  EXPECT_THAT(broken("field: word, check: allowed, allowed: [ok, 是]", "a,,,,是,\nb,,,,OK,\nc,,,,否,\n"),
              ElementsAre("3 rule word allowed: field word", "4 rule word allowed: field word"));
  EXPECT_THAT(broken("field: tags, check: allowed, allowed: [ok, b]", "a,,,,,b| ok\nb,,,,,ok|c\nc,,,,,|\n"),
              ElementsAre("3 rule tags allowed: field tags"));
}

TEST_F(Rules, ComparisonsOfColumns) {
  const std::string rows = "a,9,10,,x,x\nb,10,10.0,,x,y\nc,11,10,,x,\nd,,10,,,\n";
  const std::vector<std::pair<std::string, std::string>> expected{{"less", "34"},    {"at_most", "4"},
                                                                  {"equal", "24"},   {"different", "3"},
                                                                  {"at_least", "2"}, {"greater", "23"}};
  for (const auto& [relation, lines] : expected) {
    folder.write("t.csv", "text,n,m,at,word,tags\n" + rows);
    run(yaml("field: n, check: compare, other: m, relation: " + relation));
    std::string found;
    for (const std::string& reject : rejects()) found += reject.substr(0, 1);
    EXPECT_EQ(found, lines) << relation;
  }
  EXPECT_THAT(
      broken("field: word, check: compare, relation: equal, other: text", "x,,,,x,\ny,,,,x,\n").size(),
      2u);  // words compare by their letters: line 3, and the last row
}

TEST_F(Rules, TheFirstBrokenRuleCounts) {
  folder.write("t.csv", "text,n\na,200\nb,-3\nc,\nd,4\n");
  run("  sources: [{path: $/t.csv, fields: {text: text, n: n}}]\n  types: {n: number}\n  rules:\n"
      "    - {field: n, check: range, low: 0, name: above zero}\n    - {field: n}\n"
      "    - {field: n, check: range, high: 99, low: -99, name: small}\n");
  expect_rows(4, 1, 0, 3);
  const Json rules = quality().at("rules");
  EXPECT_EQ(rules.at(0).at("name"), "above zero");
  for (size_t rule = 0; rule < 3; ++rule) EXPECT_EQ(rules.at(rule).at("rejected"), 1) << rule;
  EXPECT_EQ(quality().at("rejected").at("rule small"), 1);
}

TEST_F(Rules, OfCustomersToo) {
  folder.write("r.csv", "who,text\na,one\nb,two\n");
  folder.write("c.csv", "id,age\na,30\nb,130\nsilent,140\n");
  run("  sources:\n    - {path: $/r.csv, fields: {customer: who, text: text}}\n"
      "    - {path: $/c.csv, fields: {customer: id, age: age}}\n"
      "  types: {age: number}\n  rules:\n    - {field: age, check: range, high: 120}\n"
      "    - {field: customer, check: pattern, pattern: '[a-z]'}\n");
  EXPECT_THAT(rejects(), ElementsAre("3 rule age range: field age", "4 rule age range: field age"));
  EXPECT_EQ(quality().at("rules").at(0).at("rejected"), 2);
  EXPECT_EQ(quality().at("customers").at("orphans"), 1);
}

TEST_F(Rules, ARuleMayFailTheRun) {
  std::string table = "text,n,m,at,word,tags\n";
  for (int row = 0; row < 3000; ++row)
    table += fmt::format("row {},{},,,secret,\n", row, row < 1500 ? 1 : 200);
  folder.write("t.csv", table);
  for (int run = 0; run < 3; ++run) {  // whatever thread comes first, the first line is named
    const Caught caught = failing(yaml("field: n, check: range, high: 99, on_failure: fail"));
    EXPECT_EQ(caught.code, ExitCode::bad_data);
    EXPECT_THAT(caught.message, HasSubstr("t.csv:1502: field `n` breaks the rule `n range`"));
    EXPECT_THAT(caught.message, Not(HasSubstr("secret")));
  }
}

TEST_F(Rules, APatternWithoutEndIsAnError) {
  folder.write("t.csv", "text,n,m,at,word,tags\nx,,,," + std::string(60, 'a') + "!,\n");
  const Caught caught = failing(yaml("field: word, check: pattern, pattern: '(a|aa|a?a)+'"));
  EXPECT_EQ(caught.code, ExitCode::bad_config);
  EXPECT_THAT(caught.message, HasSubstr("prepare.rules.0.pattern"));
}

TEST_F(Rules, WhatDoesNotFitTogether) {
  const std::vector<std::pair<std::string, std::vector<std::string>>> cases{
      {"field: nobody", {"prepare.rules.0.field", "`nobody`", "mapped are"}},
      {"field: n, check: range", {"prepare.rules.0.low", "check: range"}},
      {"field: n, check: range, low: few", {"prepare.rules.0.low", "`few` is no number"}},
      {"field: at, check: range, high: soon", {"prepare.rules.0.high", "`soon` is no time"}},
      {"field: n, check: range, low: 2, high: 1", {"prepare.rules.0.low", "`2` is above high, `1`"}},
      {"field: word, check: range, low: 1", {"prepare.rules.0.field", "prepare.types.word: number"}},
      {"field: n, low: 1", {"prepare.rules.0.low", "`1` belongs to check: range", "check: required"}},
      {"field: word, check: pattern", {"prepare.rules.0.pattern"}},
      {"field: word, check: pattern, pattern: '(a'", {"prepare.rules.0.pattern", "`(a`", "PAREN"}},
      {"field: word, check: allowed", {"prepare.rules.0.allowed"}},
      {"field: word, check: range, allowed: [x], low: 1", {"prepare.rules.0.allowed", "check: allowed"}},
      {"field: n, check: compare, other: m", {"prepare.rules.0.relation"}},
      {"field: n, check: compare, relation: less", {"prepare.rules.0.other"}},
      {"field: n, check: compare, relation: less, other: n", {"prepare.rules.0.other", "`n`"}},
      {"field: n, check: compare, relation: less, other: x", {"prepare.rules.0.other", "`x`"}},
      {"field: n, check: compare, relation: less, other: at", {"`less`", "(number)", "(time)"}},
      {"field: word, check: compare, relation: less, other: text", {"`less`", "(automatic)"}},
      {"field: n}\n    - {field: n", {"prepare.rules.1.name", "`n required`"}},
      {"field: n, check: greater", {"prepare.rules.0.check", "required, range"}},
  };
  for (const auto& [rule, parts] : cases) {
    SCOPED_TRACE(rule);
    expect_error(ExitCode::bad_config, parts, [&, text = rule] { make_plan(settings(yaml(text)).prepare); });
  }
}

// The field map is the list of allowed columns.
TEST_F(PrepareTest, AColumnThatIsNotListedReachesNoFile) {
  std::string csv = "who,text,CANARYcolumn,label\n";
  for (int row = 0; row < 200; ++row) csv += fmt::format("c{},text {},canary{},good\n", row % 9, row, row);
  csv += "c1,few,canary\n,nobody,canary200,good\nc2,\xff,canary201,good\nc3,again,\"ca\nnary\",good\n";
  folder.write("r.csv", csv);
  folder.write("c.jsonl",
               "{\"id\": \"c1\", \"CANARYcolumn\": \"canary\", \"x\": {\"y\": \"canary\"}, \"age\": 3}\n"
               "{\"id\": \"c2\", \"age\": 4, \"CANARYcolumn\": \"canary}\n");
  const auto finds = [&](const std::string& wanted) {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder / "run")) {
      if (entry.is_regular_file() && read_bytes(entry.path()).find(wanted) != std::string::npos) {
        found.push_back(entry.path().filename().string());
      }
    }
    return found;
  };
  const std::string yaml =
      "  sources:\n    - {path: $/r.csv, fields: {customer: who, text: text, label: LABEL}}\n"
      "    - {path: $/c.jsonl, fields: {customer: id, age: age}}\n";
  const auto with_label = [&](const std::string& column) {
    std::string with = yaml;
    return with.replace(with.find("LABEL"), 5, column);
  };
  run(with_label("label"));
  EXPECT_EQ(prepared().rows(), 201);
  EXPECT_THAT(finds("canary"), IsEmpty());
  EXPECT_THAT(finds("CANARY"), IsEmpty());
  run(with_label("CANARYcolumn"));  // listed, it is there: the search would have found it
  EXPECT_THAT(finds("canary"), ElementsAre("prepared.h5"));
}

}  // namespace
}  // namespace limner::testing
