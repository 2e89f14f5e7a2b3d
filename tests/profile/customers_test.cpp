#include "profile/customers.h"

#include <cmath>

#include "tests/profile/reference.h"

namespace limner {
namespace {

constexpr int64_t day = 86400000000;

TEST(SumRows, OneEntryACustomer) {
  const SumLayout layout{2, {3}};
  EXPECT_EQ(layout.stride(), 3 + 2 + 3);
  RowBlock rows;
  rows.customer = {7, 2, 7};
  rows.vectors = {1, 2, 10, 20, 3, 4};
  rows.tokens = {5, 6, 7};
  rows.split = {Split::train, Split::test, Split::validation};
  rows.predictions = {{0.1F, 0.2F, 0.7F, 1, 0, 0, 0.5F, 0.5F, 0}};
  const CustomerSums sums = sum_rows(layout, rows);
  ASSERT_EQ(sums.customer, (std::vector<int64_t>{2, 7}));
  const double* seven = sums.values.data() + layout.stride();
  const std::vector<double> expected{2, 12, 1, 4, 6, 0.6, 0.7, 0.7};
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(seven[i], expected[i], 1e-6) << i;
  EXPECT_EQ(sums.values[0], 1);
  EXPECT_EQ(sums.values[2], 0);  // a test row is no training text
}

TEST(SumRows, AVectorThatIsNotFiniteIsNamed) {
  RowBlock rows;
  rows.first = 40;
  rows.customer = {0, 0};
  rows.vectors = {1, 2, 3, std::nanf("")};
  rows.tokens = {1, 1};
  rows.split = {Split::train, Split::train};
  const auto [code, message] = error_of([&] { sum_rows({2, {}}, rows); });
  EXPECT_EQ(code, ExitCode::bad_data);
  EXPECT_NE(message.find("row 41"), std::string::npos) << message;
}

TEST(HalfLife, IsAQuarterOfTheSpan) {
  const std::vector<int64_t> first{10 * day, missing_time, 50 * day}, last{20 * day, missing_time, 110 * day};
  EXPECT_DOUBLE_EQ(resolve_half_life({}, first, last), 25);
  EXPECT_DOUBLE_EQ(resolve_half_life({3.5}, first, last), 3.5);
  EXPECT_EQ(resolve_half_life({3.5}, {day, day}, {day, day}), 0);  // no age differs
  EXPECT_EQ(resolve_half_life({3.5}, {missing_time}, {missing_time}), 0);
  EXPECT_EQ(resolve_half_life({}, {}, {}), 0);
}

}  // namespace
}  // namespace limner
