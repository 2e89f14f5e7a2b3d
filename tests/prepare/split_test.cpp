// Parts: exact shares, whole customers, the same for any order of the rows.
#include "prepare/split.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "runtime/random.h"
#include "tests/runtime/temporary_folder.h"

namespace limner {
namespace {

using Counts = std::array<int64_t, 3>;

std::vector<uint64_t> identities(int64_t count) {
  std::vector<uint64_t> identity;
  for (int64_t row = 0; row < count; ++row) identity.push_back(stable_hash("row " + std::to_string(row)));
  return identity;
}

Counts count_parts(const std::vector<Split>& parts) {
  Counts counts{};
  for (const Split part : parts) ++counts[static_cast<size_t>(part)];
  return counts;
}

TEST(Apportion, AddsUpAndIsNearest) {
  const SplitSettings tenths;  // 0.8, 0.1, 0.1
  EXPECT_EQ(apportion(0, tenths, 1), (Counts{0, 0, 0}));
  EXPECT_EQ(apportion(1, tenths, 1), (Counts{1, 0, 0}));
  EXPECT_EQ(apportion(30, tenths, 1), (Counts{24, 3, 3}));
  EXPECT_EQ(apportion(1000003, tenths, 1), (Counts{800003, 100000, 100000}));
  SplitSettings thirds;
  thirds.train = 0.5;
  thirds.validation = 0.0;
  thirds.test = 0.5;
  for (int64_t count = 0; count < 200; ++count) {
    for (const SplitSettings& settings : {tenths, thirds}) {
      const Counts counts = apportion(count, settings, 7);
      EXPECT_EQ(counts[0] + counts[1] + counts[2], count);
      EXPECT_LT(std::abs(static_cast<double>(counts[0]) - settings.train * static_cast<double>(count)), 1.0);
    }
    EXPECT_EQ(apportion(count, thirds, 7)[1], 0);
  }
}

TEST(Apportion, EqualRemaindersFavourNoPart) {
  int64_t validation = 0;
  for (uint64_t draw = 0; draw < 1000; ++draw) validation += apportion(5, SplitSettings(), draw)[1];
  EXPECT_NEAR(static_cast<double>(validation), 500, 80);
}

TEST(SplitRows, SharesHoldWithinEachStratum) {
  std::vector<int32_t> strata;
  for (int32_t row = 0; row < 1000; ++row) strata.push_back(row % 10 == 0 ? -1 : row % 3);
  const auto parts = split_rows({}, 17, identities(1000), strata);
  std::map<int32_t, Counts> counts;
  for (size_t row = 0; row < parts.size(); ++row) ++counts[strata[row]][static_cast<size_t>(parts[row])];
  for (const auto& [stratum, of_stratum] : counts) {
    const auto total = static_cast<double>(of_stratum[0] + of_stratum[1] + of_stratum[2]);
    EXPECT_LT(std::abs(static_cast<double>(of_stratum[0]) - 0.8 * total), 1.0);
    EXPECT_LT(std::abs(static_cast<double>(of_stratum[1]) - 0.1 * total), 1.0);
  }
}

TEST(SplitRows, DependsOnTheRowsNotOnTheirOrder) {
  auto identity = identities(500);
  const auto parts = split_rows({}, 17, identity, {});
  std::map<uint64_t, Split> of_row;
  for (size_t row = 0; row < parts.size(); ++row) of_row[identity[row]] = parts[row];
  std::reverse(identity.begin(), identity.end());
  const auto reversed = split_rows({}, 17, identity, {});
  for (size_t row = 0; row < parts.size(); ++row) EXPECT_EQ(reversed[row], of_row[identity[row]]);
}

TEST(SplitRows, NewRowsMoveFewOthers) {
  const auto before = split_rows({}, 17, identities(1000), {});
  const auto after = split_rows({}, 17, identities(1010), {});
  int64_t moved = 0;
  for (size_t row = 0; row < before.size(); ++row) moved += before[row] == after[row] ? 0 : 1;
  EXPECT_LT(moved, 30);
}

TEST(SplitRows, AnotherSeedIsAnotherSplit) {
  EXPECT_EQ(split_rows({}, 1, identities(100), {}), split_rows({}, 1, identities(100), {}));
  EXPECT_NE(split_rows({}, 1, identities(100), {}), split_rows({}, 2, identities(100), {}));
}

TEST(SplitRows, EqualRowsAreDealtExactly) {
  EXPECT_EQ(count_parts(split_rows({}, 17, std::vector<uint64_t>(100, 5), {})), (Counts{80, 10, 10}));
}

TEST(SplitCustomers, WholeCustomersAndExactShares) {
  std::vector<std::string> ids;
  for (int index = 0; index < 100; ++index) ids.push_back("c" + std::to_string(index));
  std::vector<int64_t> customer;
  for (int64_t row = 0; row < 3000; ++row) customer.push_back(row * row % 100);
  for (int64_t index = 0; index < 100; ++index) customer.push_back(index);
  const auto parts = split_customers({}, 17, ids, customer);
  std::map<int64_t, std::set<Split>> of_customer;
  for (size_t row = 0; row < parts.size(); ++row) of_customer[customer[row]].insert(parts[row]);
  Counts counts{};
  for (const auto& [index, found] : of_customer) {
    EXPECT_EQ(found.size(), 1u);
    ++counts[static_cast<size_t>(*found.begin())];
  }
  EXPECT_EQ(counts, (Counts{80, 10, 10}));
}

TEST(SplitCustomers, TooFewCustomers) {
  expect_error(ExitCode::bad_data, {"prepare.split.by: customer", "at least 3", "has 1"}, [] {
    split_customers({}, 17, {"one"}, {0, 0, 0});
  });
  SplitSettings two;
  two.train = 0.5;
  two.validation = 0;
  two.test = 0.5;
  EXPECT_EQ(count_parts(split_customers(two, 17, {"a", "b"}, {0, 1})), (Counts{1, 0, 1}));
}

}  // namespace
}  // namespace limner
