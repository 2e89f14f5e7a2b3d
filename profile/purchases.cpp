#include "profile/purchases.h"

#include <algorithm>
#include <map>

namespace limner {
namespace {

constexpr int64_t rows_per_read = 1 << 16;

struct Row {
  int64_t time;
  int32_t item;
};

}  // namespace

Purchases read_purchases(const PreparedReader& prepared) {
  Purchases purchases;
  purchases.by_time = prepared.has_time();
  std::map<std::string, int32_t> found;  // item: number in the order of the rows
  std::vector<std::vector<Row>> rows(static_cast<size_t>(prepared.customers()));
  for (int64_t first = 0; first < prepared.rows(); first += rows_per_read) {
    const int64_t count = std::min(rows_per_read, prepared.rows() - first);
    const std::vector<std::string> items = prepared.items(first, count);
    const std::vector<int64_t> customer = prepared.customer_index(first, count);
    const std::vector<int64_t> time =
        purchases.by_time ? prepared.time(first, count) : std::vector<int64_t>(items.size());
    for (size_t row = 0; row < items.size(); ++row) {
      if (items[row].empty()) continue;
      const auto number = found.emplace(items[row], static_cast<int32_t>(found.size())).first->second;
      rows[static_cast<size_t>(customer[row])].push_back({time[row], number});
    }
  }
  std::vector<int32_t> rank(found.size());  // from the order of the rows to that of the bytes
  for (const auto& [item, number] : found) {
    rank[static_cast<size_t>(number)] = static_cast<int32_t>(purchases.items.size());
    purchases.items.push_back(item);
  }
  for (std::vector<Row>& of_customer : rows) {
    std::stable_sort(of_customer.begin(), of_customer.end(),
                     [](const Row& a, const Row& b) { return a.time < b.time; });
    std::vector<int32_t>& items = purchases.of_customer.emplace_back();
    for (const Row& row : of_customer) {
      const int32_t item = rank[static_cast<size_t>(row.item)];
      if (std::find(items.begin(), items.end(), item) == items.end()) items.push_back(item);
    }
  }
  return purchases;
}

int Purchases::lateness(int64_t customer, int32_t item) const {
  const std::vector<int32_t>& taken = of_customer[static_cast<size_t>(customer)];
  if (taken.size() < 2) return 0;
  if (item == taken.back()) return 2;
  return taken.size() > 2 && item == taken[taken.size() - 2] ? 1 : 0;
}

std::vector<std::vector<int32_t>> Purchases::until(int lateness) const {
  std::vector<std::vector<int32_t>> histories = of_customer;
  for (std::vector<int32_t>& history : histories) {
    const size_t count = history.size();
    const size_t held_out = count < 2 ? 0 : (lateness < 2 ? 1 : 0) + (lateness < 1 && count > 2 ? 1 : 0);
    history.resize(count - held_out);
  }
  return histories;
}

std::vector<int32_t> item_numbers(const PreparedReader& prepared, const Purchases& purchases, int64_t first,
                                  int64_t count) {
  std::vector<int32_t> numbers;
  for (const std::string& item : prepared.items(first, count)) {
    const auto place = std::lower_bound(purchases.items.begin(), purchases.items.end(), item);
    numbers.push_back(item.empty() ? -1 : static_cast<int32_t>(place - purchases.items.begin()));
  }
  return numbers;
}

}  // namespace limner
