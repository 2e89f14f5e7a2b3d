// Missing values, outliers and scale against scikit-learn and SciPy (reference.json, written by
// reference.py).
#include "prepare/treatment.h"

#include <gtest/gtest.h>

#include <cmath>

#include "prepare/curve.h"
#include "prepare/plan.h"
#include "tests/prepare/prepare_testing.h"
#include "tests/prepare/reference.h"

namespace limner::testing {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TypedField field_of(const std::vector<double>& values, const FieldPlan& plan) {
  TypedField field;
  field.plan = plan;
  field.type = ValueType::number;
  field.field.type = FieldType::number;
  field.values.numbers = values;
  field.count_missing();
  return field;
}

void expect_close(const std::vector<double>& found, const std::vector<double>& expected, double relative) {
  ASSERT_EQ(found.size(), expected.size());
  for (size_t i = 0; i < found.size(); ++i) {
    if (std::isnan(expected[i])) {
      EXPECT_TRUE(std::isnan(found[i])) << i;
    } else {
      EXPECT_NEAR(found[i], expected[i], relative * std::max(1.0, std::abs(expected[i]))) << i;
    }
  }
}

TEST(Treatment, ColumnsAsScikitLearnTreatsThem) {
  ASSERT_GE(reference().at("columns").size(), 3u);
  for (const Json& expected : reference().at("columns")) {
    const std::vector<double> values = numbers(expected.at("values"));
    const auto train = expected.at("train").get<std::vector<bool>>();
    for (const MissingPolicy policy :
         {MissingPolicy::mean, MissingPolicy::median, MissingPolicy::most_frequent}) {
      TypedField field = field_of(values, {.name = "f", .missing = policy});
      fill_missing(field, train);
      expect_close(field.values.numbers, numbers(expected.at("fill").at(missing_policy_name(policy))), 1e-13);
    }
    for (const OutlierMethod method : {OutlierMethod::iqr, OutlierMethod::z_score}) {
      const OutlierPlan outliers{method, method == OutlierMethod::iqr ? 1.5 : 3.0, OutlierAction::clip};
      TypedField field = field_of(values, {.name = "f", .outliers = outliers});
      treat_outliers(field, train);
      const Json& limits = expected.at("limits").at(outlier_method_name(method));
      expect_close({*field.fitted.low, *field.fitted.high}, numbers(limits), 1e-12);
      if (method == OutlierMethod::z_score) {
        EXPECT_EQ(field.outliers, expected.at("beyond_z"));
      }
      for (const double value : field.values.numbers) EXPECT_FALSE(is_outlier(field, value));
    }
    for (const Scaling scaling : {Scaling::standard, Scaling::min_max}) {
      TypedField field = field_of(values, {.name = "f", .scaling = scaling});
      scale(field, train);
      // The last column's spread is a hundred-thousandth of its size.
      expect_close(field.values.numbers, numbers(expected.at("scaling").at(scaling_name(scaling))), 1e-9);
    }
  }
}

TEST(Treatment, OneValueScalesByOne) {
  TypedField field = field_of({0.1, 0.1, 0.1, 0.3}, {.name = "f", .scaling = Scaling::standard});
  scale(field, {true, true, true, false});
  EXPECT_EQ(field.fitted.scale, 1.0);
  EXPECT_THAT(field.values.numbers[3], DoubleNear(0.2, 1e-15));
}

TEST(Curves, AsSciPyDrawsThem) {
  for (const Json& expected : reference().at("curves")) {
    std::vector<std::pair<double, double>> points;
    const std::vector<double> times = numbers(expected.at("times")), values = numbers(expected.at("values"));
    for (size_t i = times.size(); i-- > 0;) points.emplace_back(times[i], values[i]);
    for (const auto& [kind, name] :
         {std::pair(CurveKind::linear, "linear"), std::pair(CurveKind::cubic_spline, "cubic_spline")}) {
      const Curve curve(kind, points);
      std::vector<double> found;
      for (const double time : numbers(expected.at("at"))) found.push_back(curve.at(time));
      expect_close(found, numbers(expected.at(name)), 1e-10);
      for (size_t i = 0; i < times.size(); ++i) EXPECT_NEAR(curve.at(times[i]), values[i], 1e-12);
      EXPECT_EQ(curve.at(times.front() - 1), values.front());
      EXPECT_EQ(curve.at(times.back() + 1), values.back());
    }
  }
}

TEST(Curves, OnePointAndEqualTimes) {
  EXPECT_EQ(Curve(CurveKind::cubic_spline, {{3, 7}}).at(100), 7);
  const Curve averaged(CurveKind::linear, {{0, 1}, {2, 10}, {0, 3}});
  EXPECT_EQ(averaged.at(0), 2);
  EXPECT_EQ(averaged.at(1), 6);
}

TEST(Interpolation, StaysWithinTheCustomerAndBehindTheTrainingRows) {
  const double gap = std::nan("");
  const int64_t day = 86400000000;
  const auto tr = Split::train, te = Split::test;
  // Customer 0: training 0, gap, 4 and a test value 100 on day 1; a test gap on day 3. Customer 1: no value.
  const std::vector<int32_t> customer{0, 0, 0, 0, 0, 1, 0};
  const std::vector<int64_t> times{0, 2 * day, 4 * day, 1 * day, 3 * day, 5 * day, missing_time};
  const std::vector<Split> split{tr, tr, tr, te, te, tr, tr};
  TypedField field =
      field_of({0, gap, 4, 100, gap, gap, gap}, {.name = "f", .missing = MissingPolicy::linear});
  interpolate(field, {customer, times, split, 2});
  EXPECT_EQ(field.values.numbers[1], 2);   // from training rows alone: 100 is not seen
  EXPECT_EQ(field.values.numbers[4], 36);  // of the test row, the test value counts too
  EXPECT_TRUE(std::isnan(field.values.numbers[5]));
  EXPECT_TRUE(std::isnan(field.values.numbers[6]));  // no time
  EXPECT_EQ(field.filled, 2);
}

class Treated : public PrepareTest {
 protected:
  double number(const std::string& field, int64_t row) const {
    return prepared().values(field, row, 1).numbers.at(0);
  }
  Json described(const std::string& name) const {
    const Json report = quality();
    for (const Json& field : report.at("fields")) {
      if (field.at("name") == name) return field;
    }
    return nullptr;
  }
};

TEST_F(Treated, RowsAndColumnsWithTooLittleInThem) {
  std::string table = "text,a,b,c\n";
  for (int row = 0; row < 40; ++row)
    table += fmt::format("text {},{},{},{}\n", row, row, row % 4 == 0 ? "x" : "", row % 20 == 1 ? "" : "y");
  folder.write("t.csv", table);
  run("  sources: [{path: $/t.csv, fields: {text: text, a: a, b: b, c: c}}]\n"
      "  max_missing: {row: 0.5, column: 0.6}\n");
  EXPECT_THAT(rejects(), ElementsAre("3 too many missing values: more than prepare.max_missing.row",
                                     "23 too many missing values: more than prepare.max_missing.row"));
  ASSERT_EQ(quality().at("dropped_columns").size(), 1u);
  EXPECT_EQ(quality().at("dropped_columns").at(0).at("name"), "b");
  EXPECT_GT(quality().at("dropped_columns").at(0).at("missing_share"), 0.6);
  EXPECT_EQ(prepared().fields().size(), 2u);
}

TEST_F(Treated, Constants) {
  folder.write("t.csv", "text,n,w,t\none,1,x,2020-01-01\ntwo,,,\n");
  run("  sources: [{path: $/t.csv, fields: {text: text, n: n, w: w, t: t}}]\n  types: {t: time}\n"
      "  missing: {n: constant, w: constant, t: constant}\n"
      "  constants: {n: -1.5, w: none, t: 1970-01-02}\n");
  EXPECT_EQ(number("n", 1), -1.5);
  EXPECT_EQ(number("t", 1), 86400);
  EXPECT_THAT(prepared().field("w").categories, ElementsAre("none", "x"));
  EXPECT_THAT(prepared().values("w", 0, 2).codes, ElementsAre(1, 0));
  EXPECT_EQ(described("w").at("filled"), 1);
}

TEST_F(Treated, InterpolationInTime) {
  folder.write("r.csv",
               "who,text,at,n\na,one,2020-01-01,10\na,two,2020-01-02,\nb,other,2020-01-02,99\n"
               "a,three,2020-01-05,50\na,four,2021-01-01,\n");
  run("  sources: [{path: $/r.csv, fields: {customer: who, text: text, time: at, n: n}}]\n"
      "  missing: {n: linear}\n  split: {train: 1, validation: 0, test: 0}\n");
  EXPECT_DOUBLE_EQ(number("n", 1), 20);
  EXPECT_EQ(number("n", 4), 50);
  EXPECT_EQ(described("n").at("filled"), 2);
}

// Rows of 30 customers; the fifth has one far value, and customer 7 an age that is none.
std::string customers_and_rows(const TestFolder& folder) {
  std::string rows = "who,text,n\n", customers = "id,age\n";
  for (int row = 0; row < 300; ++row)
    rows += fmt::format("c{},text {},{}\n", row % 30, row, row == 5 ? 1e6 : row % 10);
  for (int customer = 0; customer < 30; ++customer)
    customers += fmt::format("c{},{}\n", customer, customer == 7 ? 500 : 30 + customer % 5);
  folder.write("r.csv", rows);
  folder.write("c.csv", customers);
  return "  sources:\n    - {path: $/r.csv, fields: {customer: who, text: text, n: n}}\n"
         "    - {path: $/c.csv, fields: {customer: id, age: age}}\n";
}

TEST_F(Treated, OutliersAreKeptClippedOrDropped) {
  const std::string sources = customers_and_rows(folder);
  run(sources + "  outliers: [{field: n}, {field: age, method: z_score, action: clip}]\n");
  EXPECT_EQ(number("n", 5), 1e6);
  EXPECT_EQ(described("n").at("outliers").at("count"), 1);
  const double limit = described("age").at("outliers").at("high");
  EXPECT_LT(limit, 500);
  EXPECT_EQ(number("age", 7), limit);

  run(sources + "  outliers: [{field: n, action: drop}, {field: age, action: drop, limit: 3}]\n");
  expect_rows(300, 289, 0, 11);  // one row, and the ten of customer 7
  EXPECT_EQ(rejects().front(), "7 outlier: field n");
  EXPECT_EQ(quality().at("rejected").at("outlier"), 11);
  EXPECT_EQ(prepared().customers(), 29);
  EXPECT_EQ(quality().at("sources").at(1).at("without_texts"), 1);
  const PreparedReader table = prepared();
  const auto index = table.customer_index(0, 289);
  const auto ids = table.customer_ids(0, 29);
  const auto ages = table.customer_values("age").numbers;
  const auto source = table.source(0, 289);
  int32_t next = 0;
  for (size_t row = 0; row < 289; ++row) {  // every column still belongs to its row
    const int64_t was = source[row].second - 2;
    ASSERT_EQ(ids[static_cast<size_t>(index[row])], fmt::format("c{}", was % 30));
    ASSERT_EQ(ages[static_cast<size_t>(index[row])], static_cast<double>(30 + was % 30 % 5));
    ASSERT_EQ(table.values("n", static_cast<int64_t>(row), 1).numbers[0], static_cast<double>(was % 10));
    ASSERT_LE(index[row], next);
    next = std::max(next, static_cast<int32_t>(index[row]) + 1);
  }
}

TEST_F(Treated, EverythingDroppedIsAnError) {
  folder.write("t.csv", "text,n\na,1\nb,2\n");
  const Caught caught = failing(
      "  sources: [{path: $/t.csv, fields: {text: text, n: n}}]\n"
      "  outliers: [{field: n, method: z_score, limit: 0, action: drop}]\n  split: {train: 1, validation: 0, "
      "test: 0}\n");
  EXPECT_EQ(caught.code, ExitCode::bad_data);
  EXPECT_THAT(caught.message, HasSubstr("2 of them: outlier"));
}

const char* fitted_yaml = R"(
  sources: [{path: $/t.csv, fields: {text: text, n: n, w: w, e: e}}]
  missing: {n: median, w: most_frequent}
  max_missing: {column: 0.9}
  outliers: [{field: n, action: clip}]
  scaling: {n: standard}
)";

TEST_F(Treated, NewCustomersGetTheSame) {
  std::string table = "text,n,w,e\n";
  for (int row = 0; row < 100; ++row)
    table += fmt::format("text {},{},{},\n", row, row % 7 == 0 ? "" : std::to_string(row % 13),
                         row % 9 == 0   ? ""
                         : row % 3 == 0 ? "x"
                                        : "zz");
  folder.write("t.csv", table);
  run(fitted_yaml);
  const double median = described("n").at("fill"), offset = described("n").at("scaling").at("offset"),
               scale = described("n").at("scaling").at("scale"),
               high = described("n").at("outliers").at("high");
  EXPECT_EQ(described("w").at("fill"), "zz");
  EXPECT_TRUE(described("e").is_null());  // left out

  std::filesystem::create_directories(folder / "first");
  std::filesystem::copy_file(folder / "run/prepared/prepared.h5", folder / "first/prepared.h5");
  folder.write("t.csv", "text,n,w,e\nnew one,,,1\nnew two,1e9,x,2\nnew three,3,,3\nnew four,x,x,\n");
  run(std::string(fitted_yaml) + "  fitted_from: $/first/prepared.h5\n");
  EXPECT_THAT(rejects(), ElementsAre("5 bad number: field n"));  // the type was found before
  EXPECT_EQ(number("n", 0), (median - offset) / scale);
  EXPECT_EQ(number("n", 1), (high - offset) / scale);
  EXPECT_EQ(number("n", 2), (3 - offset) / scale);
  EXPECT_THAT(prepared().field("w").categories, ElementsAre("x", "zz"));
  EXPECT_THAT(prepared().values("w", 0, 3).codes, ElementsAre(1, 0, 1));
  EXPECT_EQ(prepared().fields().size(), 2u);

  std::string other = fitted_yaml;
  other.replace(other.find("median"), 6, "mean");
  Caught caught = catch_error([&] { run(other + "  fitted_from: $/first/prepared.h5\n"); });
  EXPECT_EQ(caught.code, ExitCode::bad_config);
  EXPECT_THAT(caught.message,
              HasSubstr("`n` was treated as `missing: median, outliers: iqr 1.5 clip, scaling: standard`"));
  caught = catch_error(
      [&] { run(std::string(fitted_yaml) + "  types: {w: number}\n  fitted_from: $/first/prepared.h5\n"); });
  EXPECT_THAT(caught.message, HasSubstr("prepare.types.w: is number"));
  caught = catch_error([&] { run(std::string(fitted_yaml) + "  fitted_from: $/t.csv\n"); });
  EXPECT_NE(caught.code, ExitCode::ok);
}

TEST_F(Treated, NothingOfTheTestRowsShows) {
  std::map<std::string, Json> fields;
  std::vector<Split> split;
  for (const bool changed : {false, true}) {
    std::string table = "text,n\n";
    for (int row = 0; row < 60; ++row) {
      const bool of_test = changed && split[static_cast<size_t>(row)] != Split::train;
      table += fmt::format("text {},{}\n", row / 2,
                           of_test        ? "12345"
                           : row % 5 == 0 ? ""
                                          : std::to_string(row % 11));
    }
    folder.write("t.csv", table);
    // The split goes by the rows' content, so it is drawn by a customer: one row each.
    std::string with_customer = "who,text,n\n";
    std::istringstream lines(table);
    std::string line;
    std::getline(lines, line);
    for (int row = 0; std::getline(lines, line); ++row) with_customer += fmt::format("c{},{}\n", row, line);
    folder.write("t.csv", with_customer);
    run("  sources: [{path: $/t.csv, fields: {customer: who, text: text, n: n}}]\n  split: {by: customer}\n"
        "  missing: {n: mean}\n  outliers: [{field: n, method: z_score}]\n  scaling: {n: min_max}\n");
    split = prepared().split(0, 60);
    fields[changed ? "changed" : "before"] = described("n");
  }
  EXPECT_NE(fields["before"].at("max"), fields["changed"].at("max"));
  EXPECT_EQ(fields["before"].at("fill"), fields["changed"].at("fill"));
  EXPECT_EQ(fields["before"].at("scaling"), fields["changed"].at("scaling"));
  EXPECT_EQ(fields["before"].at("outliers").at("high"), fields["changed"].at("outliers").at("high"));
}

TEST(TreatmentSettings, WhatDoesNotFitTogether) {
  const std::string joined =
      "  sources: [{path: t.csv, fields: {customer: c, text: t, n: n}}, {path: c.csv, fields: {customer: c, "
      "age: a}}]\n";
  const std::string alone =
      "  sources: [{path: t.csv, fields: {text: t, n: n, w: w}}]\n  types: {n: number, w: category}\n";
  const std::vector<std::pair<std::string, std::vector<std::string>>> cases{
      {alone + "  missing: {n: constant}", {"prepare.constants.n", "constant"}},
      {alone + "  constants: {n: 1}", {"prepare.constants.n", "`1`", "prepare.missing.n"}},
      {alone + "  missing: {n: constant}\n  constants: {n: few}", {"prepare.constants.n", "`few`"}},
      {alone + "  missing: {n: linear}", {"prepare.missing.n", "`time` and `customer`"}},
      {alone + "  missing: {w: cubic_spline}", {"prepare.missing.w", "category"}},
      {joined + "  missing: {age: linear}", {"prepare.missing.age", "one value"}},
      {alone + "  outliers: [{field: w}]", {"prepare.outliers (field w)", "category"}},
      {alone + "  outliers: [{field: x}]", {"prepare.outliers.0.field", "`x`"}},
      {alone + "  outliers: [{field: text}]", {"prepare.outliers.0.field", "`text`"}},
      {alone + "  outliers: [{field: n}, {field: n}]", {"prepare.outliers.1.field", "twice"}},
      {alone + "  outliers: [{field: n, method: mad}]", {"prepare.outliers.0.method", "`mad`"}},
      {alone + "  scaling: {w: standard}", {"prepare.scaling.w", "category"}},
      {alone + "  scaling: {n: robust}", {"prepare.scaling.n", "`robust`", "min_max"}},
      {alone + "  scaling: {text: standard}", {"prepare.scaling.text"}},
      {alone + "  max_missing: {row: 2}", {"prepare.max_missing.row", "2"}},
  };
  for (const auto& [yaml, parts] : cases) {
    SCOPED_TRACE(yaml);
    expect_error(ExitCode::bad_config, parts,
                 [&, text = yaml] { make_plan(parse_settings("prepare:\n" + text, "t.yaml").prepare); });
  }
}

}  // namespace
}  // namespace limner::testing
