// Types of columns, and what becomes of missing values.
#include "prepare/treatment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/runtime/temporary_folder.h"

namespace limner {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

RawColumn column(const std::vector<std::string>& values) {
  RawColumn raw;
  for (const std::string& value : values) raw.codes.push_back(value.empty() ? -1 : raw.values.code(value));
  return raw;
}

TypedField typed(const std::vector<std::string>& values, ValueType type = ValueType::automatic,
                 MissingPolicy missing = MissingPolicy::keep) {
  return type_field({"f", type, missing}, column(values), false);
}

TEST(Types, NumbersWhereAllAre) {
  const TypedField field = typed({"3", "", "-1.5", "3.0"});
  EXPECT_EQ(field.type, ValueType::number);
  EXPECT_EQ(field.values.numbers[0], 3);
  EXPECT_TRUE(std::isnan(field.values.numbers[1]));
  EXPECT_EQ(field.values.numbers[3], 3);
  EXPECT_EQ(field.missing, 1);
}

TEST(Types, CategoriesAscendByBytes) {
  const TypedField field = typed({"b", "中", "", "B", "10", "b"});
  EXPECT_EQ(field.field.type, FieldType::category);
  EXPECT_THAT(field.field.categories, ElementsAre("10", "B", "b", "中"));
  EXPECT_THAT(field.values.codes, ElementsAre(2, 3, -1, 1, 0, 2));
  EXPECT_EQ(field.not_numbers, 4);
  EXPECT_EQ(typed({"", ""}).field.type, FieldType::category);
}

TEST(Types, DeclaredTypesWin) {
  const TypedField category = typed({"1", "0", "1"}, ValueType::category);
  EXPECT_THAT(category.field.categories, ElementsAre("0", "1"));
  EXPECT_THAT(category.values.codes, ElementsAre(1, 0, 1));
  const TypedField time = typed({"1970-01-02", "1.5"}, ValueType::time);
  EXPECT_EQ(time.field.type, FieldType::number);
  EXPECT_THAT(time.values.numbers, ElementsAre(86400, 1.5));
}

TEST(Types, SeveralCategories) {
  const TypedField field = typed({"b| a |b", "", "c", "|", "a|b"}, ValueType::multi_category);
  EXPECT_THAT(field.field.categories, ElementsAre("a", "b", "c"));
  EXPECT_THAT(field.values.multi_codes,
              ElementsAre(ElementsAre(0, 1), IsEmpty(), ElementsAre(2), IsEmpty(), ElementsAre(0, 1)));
  EXPECT_EQ(field.missing, 2);
}

TEST(Missing, NumbersFromTheKnownEntriesOnly) {
  const std::vector<bool> known{true, true, true, true, false};
  const std::vector<std::string> values{"1", "", "2", "6", "1000"};
  TypedField mean = typed(values, ValueType::automatic, MissingPolicy::mean);
  fill_missing(mean, known);
  EXPECT_EQ(mean.values.numbers[1], 3);
  EXPECT_EQ(mean.filled, 1);
  TypedField median = typed(values, ValueType::automatic, MissingPolicy::median);
  fill_missing(median, known);
  EXPECT_EQ(median.values.numbers[1], 2);
  TypedField frequent = typed({"5", "", "2", "5", "2"}, ValueType::automatic, MissingPolicy::most_frequent);
  fill_missing(frequent, known);
  EXPECT_EQ(frequent.values.numbers[1], 5);
  TypedField keep = typed(values);
  fill_missing(keep, known);
  EXPECT_TRUE(std::isnan(keep.values.numbers[1]));
  EXPECT_EQ(keep.filled, 0);
}

TEST(Missing, MostFrequentCategoryAndNothingKnown) {
  TypedField field = typed({"x", "", "y", "y", "x"}, ValueType::automatic, MissingPolicy::most_frequent);
  fill_missing(field, {true, true, true, true, false});
  EXPECT_THAT(field.values.codes, ElementsAre(0, 1, 1, 1, 0));
  TypedField unknown = typed({"x", ""}, ValueType::automatic, MissingPolicy::most_frequent);
  fill_missing(unknown, {false, true});
  EXPECT_THAT(unknown.values.codes, ElementsAre(0, -1));
}

TEST(Missing, MeanOfWordsIsAnError) {
  expect_error(ExitCode::bad_config, {"prepare.missing.f", "mean"}, [] {
    typed({"1", "x"}, ValueType::automatic, MissingPolicy::mean);
  });
}

}  // namespace
}  // namespace limner
