// prepared.h5: what is written comes back; torn, foreign and missing files are refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <utility>

#include "runtime/files.h"
#include "runtime/hdf5.h"
#include "tables/prepared.h"
#include "tests/tables/helpers.h"

namespace limner::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

const double nan_value = std::numeric_limits<double>::quiet_NaN();

PreparedTable small_table() {
  PreparedTable table;
  table.texts = {"一", "two words", "drei", "quatre", "5"};
  table.customer = {0, 1, 0, 2, 1};
  table.split = {Split::train, Split::test, Split::validation, Split::train, Split::train};
  table.source = {{0, 2}, {0, 3}, {0, 5}, {0, 6}, {0, 9}};
  table.time = {0, missing_time, 1000000, -5, 7};
  table.items = {"手机", "", "book", "book", ""};
  table.customer_ids = {"anna", "李", "c"};
  table.fields = {{"rating", FieldType::number, false, {}},
                  {"label", FieldType::category, false, {"bad", "good"}},
                  {"tags", FieldType::multi_category, false, {"x", "y", "z"}},
                  {"age", FieldType::number, true, {}},
                  {"region", FieldType::category, true, {"north", "south"}},
                  {"likes", FieldType::multi_category, true, {"p", "q"}}};
  table.values.resize(6);
  table.values[0].numbers = {1.5, nan_value, 3, 4, 5};
  table.values[1].codes = {1, 0, -1, 1, 0};
  table.values[2].multi_codes = {{0, 2}, {}, {1}, {}, {0, 1, 2}};
  table.values[3].numbers = {20, nan_value, 40};
  table.values[4].codes = {1, -1, 0};
  table.values[5].multi_codes = {{}, {0, 1}, {1}};
  table.source_names = {"reviews.csv", "customers.jsonl"};
  table.source_sha256 = {std::string(64, 'a'), std::string(64, 'b')};
  table.settings_sha256 = std::string(64, 'c');
  return table;
}

std::string written(const TestFolder& folder, const PreparedTable& table = small_table()) {
  write_prepared(folder / "prepared.h5", table);
  return folder / "prepared.h5";
}

TEST(PreparedTable, RowsComeBack) {
  const TestFolder folder;
  const PreparedReader reader(written(folder));
  EXPECT_EQ(reader.rows(), 5);
  EXPECT_EQ(reader.customers(), 3);
  EXPECT_TRUE(reader.has_time());
  EXPECT_TRUE(reader.has_items());
  EXPECT_THAT(reader.source_names(), ElementsAre("reviews.csv", "customers.jsonl"));
  EXPECT_THAT(reader.texts(0, 5), ElementsAre("一", "two words", "drei", "quatre", "5"));
  EXPECT_THAT(reader.texts(1, 2), ElementsAre("two words", "drei"));
  EXPECT_THAT(reader.texts(5, 0), IsEmpty());
  EXPECT_THAT(reader.items(0, 3), ElementsAre("手机", "", "book"));
  EXPECT_THAT(reader.customer_index(1, 3), ElementsAre(1, 0, 2));
  EXPECT_THAT(reader.split(0, 3), ElementsAre(Split::train, Split::test, Split::validation));
  EXPECT_THAT(reader.source(3, 2), ElementsAre(Pair(0, 6), Pair(0, 9)));
  EXPECT_THAT(reader.time(0, 4), ElementsAre(0, missing_time, 1000000, -5));
  EXPECT_THAT(reader.customer_ids(0, 3), ElementsAre("anna", "李", "c"));
  EXPECT_EQ(reader.sha256(), sha256_file(folder / "prepared.h5"));
}

TEST(PreparedTable, FieldsComeBackInTheirOrder) {
  const TestFolder folder;
  const PreparedReader reader(written(folder));
  std::vector<std::string> names;
  for (const Field& field : reader.fields()) names.push_back(field.name);
  EXPECT_THAT(names, ElementsAre("rating", "label", "tags", "age", "region", "likes"));
  EXPECT_EQ(reader.field("tags").type, FieldType::multi_category);
  EXPECT_FALSE(reader.field("tags").of_customer);
  EXPECT_TRUE(reader.field("region").of_customer);
  EXPECT_THAT(reader.field("region").categories, ElementsAre("north", "south"));

  const auto rating = reader.values("rating", 0, 3).numbers;
  EXPECT_EQ(rating[0], 1.5);
  EXPECT_TRUE(std::isnan(rating[1]));
  EXPECT_THAT(reader.values("label", 1, 3).codes, ElementsAre(0, -1, 1));
  EXPECT_THAT(reader.values("tags", 1, 4).multi_codes,
              ElementsAre(IsEmpty(), ElementsAre(1), IsEmpty(), ElementsAre(0, 1, 2)));
}

TEST(PreparedTable, CustomersFieldsAreLookedUpPerRow) {
  const TestFolder folder;
  const PreparedReader reader(written(folder));
  const auto age = reader.values("age", 2, 3).numbers;
  EXPECT_EQ(age[0], 20);
  EXPECT_EQ(age[1], 40);
  EXPECT_TRUE(std::isnan(age[2]));
  EXPECT_THAT(reader.values("region", 0, 5).codes, ElementsAre(1, -1, 1, 0, -1));
  EXPECT_THAT(reader.values("likes", 0, 2).multi_codes, ElementsAre(IsEmpty(), ElementsAre(0, 1)));
  EXPECT_THAT(reader.customer_values("region").codes, ElementsAre(1, -1, 0));
  EXPECT_EQ(catch_error([&] { reader.customer_values("label"); }).code, ExitCode::internal);
}

TEST(PreparedTable, WithoutTimesItemsFieldsAndWithEmptyMultiCategories) {
  const TestFolder folder;
  PreparedTable table = small_table();
  table.time.clear();
  table.items.assign(5, "");
  table.fields = {{"tags", FieldType::multi_category, false, {}}};
  table.values.assign(1, {});
  table.values[0].multi_codes.resize(5);
  {
    const PreparedReader reader(written(folder, table));
    EXPECT_FALSE(reader.has_time());
    EXPECT_THAT(reader.items(0, 2), ElementsAre("", ""));
    EXPECT_THAT(reader.values("tags", 0, 2).multi_codes, ElementsAre(IsEmpty(), IsEmpty()));
  }
  table.items.clear();
  table.fields.clear();
  table.values.clear();
  const PreparedReader reader(written(folder, table));
  EXPECT_FALSE(reader.has_items());
  EXPECT_TRUE(reader.fields().empty());
}

TEST(PreparedTable, ManyCategoriesFit) {
  const TestFolder folder;
  PreparedTable table = small_table();
  std::vector<std::string>& categories = table.fields[1].categories;
  categories.clear();
  for (int index = 0; index < 30000; ++index)
    categories.push_back("category " + std::to_string(1000000 + index));
  const PreparedReader reader(written(folder, table));
  EXPECT_EQ(reader.field("label").categories, categories);
}

TEST(PreparedTable, TheSameTableGivesTheSameBytes) {
  const TestFolder folder;
  const std::string first = read_bytes(written(folder));
  std::filesystem::remove(folder / "prepared.h5");
  EXPECT_EQ(read_bytes(written(folder)), first);
}

TEST(PreparedTable, ColumnsThatDoNotFitAreRefused) {
  const TestFolder folder;
  PreparedTable table = small_table();
  table.customer.pop_back();
  EXPECT_EQ(catch_error([&] { written(folder, table); }).code, ExitCode::internal);
  table = small_table();
  table.values[3].numbers.push_back(1);
  EXPECT_EQ(catch_error([&] { written(folder, table); }).code, ExitCode::internal);
  EXPECT_FALSE(std::filesystem::exists(folder / "prepared.h5"));
}

TEST(PreparedTable, MissingForeignAndTornFiles) {
  const TestFolder folder;
  const Caught missing = catch_error([&] { PreparedReader(folder / "none.h5"); });
  EXPECT_EQ(missing.code, ExitCode::missing_input);
  EXPECT_THAT(missing.message, HasSubstr("limner prepare"));
  EXPECT_EQ(catch_error([&] { PreparedReader(folder.write("text.h5", "no HDF5")); }).code,
            ExitCode::bad_data);

  hdf5::Writer other;
  other.attribute("/", "title", std::string("another file"));
  EXPECT_THAT(catch_error([&] { PreparedReader(folder.write("other.h5", other.image())); }).message,
              HasSubstr("not a prepared table"));

  const std::string whole = read_bytes(written(folder));
  EXPECT_EQ(
      catch_error([&] { PreparedReader(folder.write("torn.h5", whole.substr(0, whole.size() / 2))); }).code,
      ExitCode::bad_data);
}

TEST(PreparedTable, UnknownFieldNamesTheOthers) {
  const TestFolder folder;
  const PreparedReader reader(written(folder));
  const Caught caught = catch_error([&] { reader.field("lable"); });
  EXPECT_EQ(caught.code, ExitCode::bad_config);
  EXPECT_THAT(caught.message, HasSubstr("rating, label, tags, age, region, likes"));
}

}  // namespace
}  // namespace limner::testing
