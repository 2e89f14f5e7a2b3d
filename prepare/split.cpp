#include "prepare/split.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "runtime/error.h"
#include "runtime/random.h"

namespace limner {

namespace {

constexpr const char* purpose = "split";

std::array<double, 3> shares(const SplitSettings& settings) {
  const double sum = settings.train + settings.validation + settings.test;  // 1, but for rounding
  return {settings.train / sum, settings.validation / sum, settings.test / sum};
}

// Puts `members` (indices into `keys`) into a drawn order and cuts it by the shares.
void cut(const SplitSettings& settings, uint64_t seed, const std::vector<uint64_t>& keys,
         const std::vector<int64_t>& members, uint64_t draw, std::vector<Split>& parts) {
  const auto order_of = [&](int64_t member) {
    const uint64_t key = keys[static_cast<size_t>(member)];
    return std::tuple(Random(seed, purpose, key).below(0, uint64_t{1} << 63), key, member);
  };
  std::vector<decltype(order_of(0))> order;
  order.reserve(members.size());
  for (const int64_t member : members) order.push_back(order_of(member));
  std::sort(order.begin(), order.end());

  const auto counts = apportion(static_cast<int64_t>(members.size()), settings, draw);
  size_t next = 0;
  for (size_t part = 0; part < counts.size(); ++part) {
    for (int64_t taken = 0; taken < counts[part]; ++taken) {
      parts[static_cast<size_t>(std::get<2>(order[next++]))] = static_cast<Split>(part);
    }
  }
}

}  // namespace

std::array<int64_t, 3> apportion(int64_t count, const SplitSettings& settings, uint64_t draw) {
  std::array<int64_t, 3> whole{};
  std::vector<std::tuple<int64_t, uint32_t, size_t>> remainders;
  int64_t left = count;
  const Random random(draw, "equal remainders");
  const auto wished = shares(settings);
  for (size_t part = 0; part < whole.size(); ++part) {
    // The remainder in billionths: 0.1 * 30 is not quite 3 in binary.
    const double exact = wished[part] * static_cast<double>(count);
    whole[part] = static_cast<int64_t>(std::floor(exact + 1e-9));
    left -= whole[part];
    const int64_t remainder = std::llround((exact - static_cast<double>(whole[part])) * 1e9);
    if (wished[part] > 0) remainders.emplace_back(-remainder, random.bits(part), part);
  }
  std::sort(remainders.begin(), remainders.end());
  for (size_t next = 0; left > 0; next = (next + 1) % remainders.size(), --left) {
    ++whole[std::get<2>(remainders[next])];
  }
  return whole;
}

std::vector<Split> split_rows(const SplitSettings& settings, uint64_t seed,
                              const std::vector<uint64_t>& identity, const std::vector<int32_t>& strata) {
  require(strata.empty() || strata.size() == identity.size(), "{} strata for {} rows", strata.size(),
          identity.size());
  std::map<int32_t, std::vector<int64_t>> members;
  for (size_t row = 0; row < identity.size(); ++row) {
    members[strata.empty() ? 0 : strata[row]].push_back(static_cast<int64_t>(row));
  }
  std::vector<Split> parts(identity.size(), Split::train);
  for (const auto& [stratum, rows] : members) {
    cut(settings, seed, identity, rows, seed + static_cast<uint64_t>(static_cast<int64_t>(stratum)), parts);
  }
  return parts;
}

std::vector<Split> split_customers(const SplitSettings& settings, uint64_t seed,
                                   const std::vector<std::string>& customer_ids,
                                   const std::vector<int64_t>& customer) {
  const auto wished = shares(settings);
  const auto wanted = std::count_if(wished.begin(), wished.end(), [](double share) { return share > 0; });
  if (static_cast<int64_t>(customer_ids.size()) < wanted) {
    fail(ExitCode::bad_data,
         "prepare.split.by: customer wants at least {} customers, one for each part; the table has {}; use "
         "by: row",
         wanted, customer_ids.size());
  }
  std::vector<uint64_t> keys;
  std::vector<int64_t> members;
  for (const std::string& id : customer_ids) {
    members.push_back(static_cast<int64_t>(keys.size()));
    keys.push_back(stable_hash(id));
  }
  std::vector<Split> of_customer(customer_ids.size(), Split::train);
  cut(settings, seed, keys, members, seed, of_customer);
  std::vector<Split> parts;
  parts.reserve(customer.size());
  for (const int64_t index : customer) parts.push_back(of_customer[static_cast<size_t>(index)]);
  return parts;
}

}  // namespace limner
