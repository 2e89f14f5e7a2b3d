// Settings of prepare that do not fit together.
#include "prepare/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/config.h"
#include "tests/runtime/temporary_folder.h"

namespace limner {
namespace {

PreparePlan plan(const std::string& yaml) {
  return make_plan(parse_settings("prepare:\n" + yaml, "t.yaml").prepare);
}

const std::string texts = "  sources: [{path: t.csv, fields: {customer: c, text: t, label: l}}";

TEST(Plan, SourcesAndSlots) {
  const PreparePlan made =
      plan(texts + ", {path: c.jsonl.gz, fields: {age: a, customer: i}}]\n  types: {age: number}");
  EXPECT_EQ(made.texts.customer->slot, 0u);
  EXPECT_EQ(made.texts.fields.at(0).name, "label");
  EXPECT_EQ(made.texts.fields.at(0).slot, 1u);
  EXPECT_EQ(made.texts.text->slot, 2u);
  ASSERT_EQ(made.customers.size(), 1u);
  EXPECT_EQ(made.customers[0].index, 1u);
  EXPECT_EQ(made.customers[0].format, TableFormat::jsonl);
  EXPECT_EQ(made.customers[0].fields.at(0).type, ValueType::number);
  EXPECT_EQ(made.customers[0].customer->slot, 1u);
}

TEST(Plan, Errors) {
  const std::vector<std::pair<std::string, std::vector<std::string>>> cases{
      {"  sources: []", {"prepare.sources", "empty"}},
      {"  sources: [{path: t.csv, fields: {customer: c, time: t, a: b}}]", {"prepare.sources.0.fields.time"}},
      {"  sources: [{path: t.csv, holds: events, fields: {customer: c, time: t, kind: k}}]", {"only events"}},
      {"  sources: [{path: t.csv, fields: {customer: c, a: b}}]\n  near_duplicates: {threshold: 0.8}",
       {"prepare.near_duplicates.threshold", "`text`"}},
      {"  sources: [{path: t.csv, fields: {customer: c, a: b}}]\n  missing: {a: linear}",
       {"prepare.missing.a"}},
      {texts + ", {path: u.csv, fields: {text: t, customer: c}}]", {"2 map `text`"}},
      {"  sources: [{path: t.dat, fields: {text: t}}]", {"t.dat", "prepare.sources.*.format"}},
      {texts + ", {path: u.csv, fields: {age: a}}]", {"prepare.sources.1.fields", "no `customer`"}},
      {"  sources: [{path: t.csv, fields: {text: t}}, {path: u.csv, fields: {age: a, customer: c}}]",
       {"prepare.sources.0.fields", "nothing can be joined"}},
      {texts + ", {path: u.csv, fields: {label: a, customer: c}}]", {"prepare.sources.1.fields.label"}},
      {texts + ", {path: u.csv, fields: {time: a, customer: c}}]", {"prepare.sources.1.fields.time"}},
      {"  sources: [{path: t.csv, fields: {text: t, a/b: c}}]", {"`a/b`"}},
      {texts + "]\n  types: {lable: number}", {"prepare.types.lable", "customer, label, text"}},
      {texts + "]\n  types: {label: text}", {"prepare.types.label", "`text`", "multi_category"}},
      {texts + "]\n  types: {customer: number}", {"prepare.types.customer"}},
      {texts + "]\n  missing: {label: zero}", {"prepare.missing.label", "`zero`", "most_frequent"}},
      {texts + "]\n  missing: {age: keep}", {"prepare.missing.age", "no source maps"}},
      {texts + "]\n  missing: {text: keep}", {"prepare.missing.text", "only reject"}},
      {texts + "]\n  types: {label: category}\n  missing: {label: mean}",
       {"prepare.missing.label", "category"}},
      {texts + "]\n  types: {label: multi_category}\n  missing: {label: most_frequent}",
       {"prepare.missing.label"}},
      {texts + "]\n  split: {train: 0.8, validation: 0.1, test: 0.2}", {"prepare.split", "1.1"}},
      {texts + "]\n  split: {train: 0, validation: 0.5, test: 0.5}", {"prepare.split.train"}},
      {texts + "]\n  split: {by: customer, stratify: label}", {"prepare.split.stratify"}},
      {texts + "]\n  split: {stratify: customer}", {"prepare.split.stratify", "`customer`"}},
      {texts + "]\n  split: {stratify: lable}", {"prepare.split.stratify", "`lable`"}},
      {"  sources: [{path: t.csv, fields: {text: t}}]\n  split: {by: customer}", {"prepare.split.by"}},
  };
  for (const auto& [yaml, parts] : cases) {
    SCOPED_TRACE(yaml);
    expect_error(ExitCode::bad_config, parts, [&] { plan(yaml); });
  }
}

}  // namespace
}  // namespace limner
