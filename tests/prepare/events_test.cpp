// Events of customers against pandas (reference.json, written by reference.py).
#include <gtest/gtest.h>

#include <cmath>

#include "prepare/plan.h"
#include "tests/prepare/prepare_testing.h"
#include "tests/prepare/reference.h"

namespace limner::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::vector<std::string> names{"event_recency_days", "event_frequency", "event_amount",
                                     "event_browse_rate", "event_trend"};

class Events : public PrepareTest {
 protected:
  void SetUp() override {
    std::string texts = "who,text\n";
    for (int customer = 0; customer < 14; ++customer)
      texts += fmt::format("{},text {}\n", customer, customer);
    folder.write("r.csv", texts);
  }
  static std::string yaml(const std::string& fields = "customer: who, time: at, kind: what, amount: paid") {
    return "  sources:\n    - {path: $/r.csv, fields: {customer: who, text: text}}\n"
           "    - {path: $/e.csv, holds: events, fields: {" +
           fields + "}}\n";
  }
};

TEST_F(Events, AsPandasSumsThem) {
  ASSERT_GE(reference().at("events").size(), 3u);
  for (const Json& expected : reference().at("events")) {
    std::string table = "who,at,what,paid\n";
    for (const Json& row : expected.at("rows")) {
      table += fmt::format("{},{},{},{}\n", row.at(0).get<int>(), row.at(1).get<std::string>(),
                           row.at(2).get<std::string>(), row.at(3).get<double>());
    }
    folder.write("e.csv", table);
    run(yaml() + fmt::format("  events: {{period_days: {}, periods: {}}}\n",
                             expected.at("period_days").get<int>(), expected.at("periods").get<int>()));
    const PreparedReader table_of_customers = prepared();
    for (size_t customer = 0; customer < expected.at("expected").size(); ++customer) {
      const std::vector<double> wanted = numbers(expected.at("expected").at(customer));
      for (size_t field = 0; field < names.size(); ++field) {
        const double found = table_of_customers.customer_values(names[field]).numbers.at(customer);
        if (std::isnan(wanted[field])) {
          EXPECT_TRUE(std::isnan(found)) << customer << names[field];
        } else {
          EXPECT_NEAR(found, wanted[field], 1e-11 * std::max(1.0, std::abs(wanted[field])))
              << customer << names[field];
        }
      }
    }
  }
}

TEST_F(Events, WhatIsNoEventIsRejected) {
  folder.write("e.csv",
               "who,at,what,paid\n0,2020-01-10,buy,5\n0,1969-12-31,buy,5\n0,-1,look,\n,2020-01-01,buy,5\n"
               "1,soon,buy,5\n1,,buy,5\n1,2020-01-01,steal,5\n1,2020-01-01,buy,five\n1,2021-01-01,buy,5\n"
               "nobody,2020-01-01,buy,5\n0,2020-01-01,buy,900\n2,2020-01-09,look,\n0,2020-01-09,buy,\n");
  run(yaml() +
      "  events: {kinds: {buy: purchase, look: view}, reference_time: 2020-01-31}\n"
      "  types: {amount: number}\n  rules: [{field: amount, check: range, high: 100}]\n"
      "  missing: {event_recency_days: constant}\n  constants: {event_recency_days: 999}\n"
      "  outliers: [{field: event_amount}]\n  scaling: {event_frequency: min_max}\n");
  EXPECT_THAT(
      rejects(),
      ElementsAre("3 event before 1970: field time", "4 event before 1970: field time", "5 missing customer",
                  "6 bad time: field time", "7 missing value: field time",
                  "8 unknown kind of event: field kind", "9 bad number: field amount",
                  "10 event after the reference time: field time", "12 rule amount range: field amount"));
  const PreparedReader table = prepared();
  EXPECT_EQ(table.customer_values("event_recency_days").numbers.at(0), 21);
  EXPECT_EQ(table.customer_values("event_recency_days").numbers.at(2), 999);
  EXPECT_EQ(table.customer_values("event_amount").numbers.at(0), 5);
  EXPECT_EQ(table.customer_values("event_browse_rate").numbers.at(2), 1);
  const Json report = quality();
  const Json& source = report.at("sources").at(1);
  EXPECT_EQ(source.at("holds"), "events");
  EXPECT_EQ(source.at("read"), 13);
  EXPECT_EQ(source.at("kept"), 3);
  EXPECT_EQ(source.at("rejected"), 9);
  EXPECT_EQ(source.at("without_texts"), 1);
  EXPECT_EQ(source.at("orphans"), 12);
  EXPECT_EQ(source.at("reference_time"), "2020-01-31T00:00:00Z");
  EXPECT_EQ(report.at("rules").at(0).at("rejected"), 1);
}

TEST_F(Events, WithoutAmounts) {
  folder.write("e.csv", "who,at,what\n3,2020-01-10,purchase\n");
  run(yaml("customer: who, time: at, kind: what"));
  EXPECT_EQ(prepared().fields().size(), 4u);
  EXPECT_EQ(prepared().customer_values("event_recency_days").numbers.at(3), 0);
}

TEST_F(Events, OfNobodyAreAnError) {
  folder.write("e.csv", "who,at,what,paid\nnobody,2020-01-10,purchase,3\n");
  Caught caught = failing(yaml());
  EXPECT_EQ(caught.code, ExitCode::bad_data);
  EXPECT_THAT(caught.message, HasSubstr("none of its 1 events"));
  folder.write("e.csv", "who,at,what,paid\n1,2020-01-10,stare,3\n");
  caught = failing(yaml());
  EXPECT_THAT(caught.message, HasSubstr("1 of them: unknown kind of event"));
}

TEST_F(Events, WhatDoesNotFitTogether) {
  const std::string two = "    - {path: $/e.csv, holds: events, fields: {customer: c, time: t, kind: k}}\n";
  const std::vector<std::pair<std::string, std::vector<std::string>>> cases{
      {yaml("time: at, kind: what"), {"prepare.sources.1.fields", "`customer`"}},
      {yaml("customer: c, kind: what"), {"prepare.sources.1.fields", "`time`"}},
      {yaml("customer: c, time: t"), {"prepare.sources.1.fields", "`kind`"}},
      {yaml("customer: c, time: t, kind: k, shop: s"), {"prepare.sources.1.fields.shop", "amount"}},
      {yaml() + two, {"prepare.sources.2.holds", "prepare.sources.1"}},
      {yaml() + "  events: {kinds: {buy: bought}}\n", {"prepare.events.kinds.buy", "`bought`"}},
      {yaml() + "  events: {reference_time: soon}\n", {"prepare.events.reference_time", "`soon`"}},
      {yaml() + "  events: {reference_time: 1969-01-01}\n", {"prepare.events.reference_time"}},
      {yaml() + "  missing: {amount: mean}\n", {"prepare.missing.amount", "`mean`"}},
      {yaml() + "  types: {amount: category}\n", {"prepare.types.amount", "category"}},
      {yaml() + "  outliers: [{field: amount}]\n", {"prepare.outliers.0.field", "`amount`"}},
      {yaml() + "  missing: {event_amount: linear}\n", {"prepare.missing.event_amount", "one value"}},
      {yaml() + "  missing: {event_amount: reject}\n", {"prepare.missing.event_amount", "`reject`"}},
      {yaml() + "  types: {event_trend: category}\n", {"prepare.types.event_trend", "`category`"}},
      {"  sources:\n    - {path: $/r.csv, fields: {text: text}}\n" + two,
       {"prepare.sources.0.fields", "joined"}},
      {"  sources:\n    - {path: $/r.csv, fields: {customer: c, text: text, kind: k}}\n" + two,
       {"prepare.sources.1.fields.kind", "rename"}},
  };
  for (const auto& [text, parts] : cases) {
    SCOPED_TRACE(text);
    expect_error(ExitCode::bad_config, parts, [&, with = text] { make_plan(settings(with).prepare); });
  }
}

}  // namespace
}  // namespace limner::testing
