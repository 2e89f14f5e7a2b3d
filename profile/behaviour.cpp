#include "profile/behaviour.h"

#include <algorithm>
#include <functional>
#include <limits>

#include "profile/purchases.h"

namespace limner {
namespace {

constexpr double microseconds_per_day = 86400e6;

CustomerColumn number_column(const std::string& name, const Customers& customers,
                             const std::function<double(size_t)>& value) {
  CustomerColumn column;
  column.name = column.field = name;
  for (size_t i = 0; i < customers.ids.size(); ++i) column.numbers.push_back(value(i));
  return column;
}

CustomerColumn days_since(const std::string& name, const Customers& customers,
                          const std::vector<int64_t>& times) {
  const int64_t newest = *std::max_element(customers.last_time.begin(), customers.last_time.end());
  return number_column(name, customers, [&](size_t i) {
    return times[i] == missing_time ? std::numeric_limits<double>::quiet_NaN()
                                    : static_cast<double>(newest - times[i]) / microseconds_per_day;
  });
}

}  // namespace

CustomerColumn days_since_last_text(const Customers& customers) {
  return days_since("days since last text", customers, customers.last_time);
}

std::vector<CustomerColumn> behaviour_columns(const PreparedReader& prepared, const Customers& customers) {
  std::vector<CustomerColumn> columns;
  if (customers.have_texts()) {
    columns.push_back(
        number_column("texts", customers, [&](size_t i) { return static_cast<double>(customers.texts[i]); }));
    columns.push_back(number_column("tokens a text", customers, [&](size_t i) {
      return static_cast<double>(customers.tokens[i]) / static_cast<double>(customers.texts[i]);
    }));
  }
  if (customers.has_time()) {
    columns.push_back(days_since_last_text(customers));
    columns.push_back(days_since("days since first text", customers, customers.first_time));
  }
  if (prepared.has_items()) {
    const Purchases purchases = read_purchases(prepared);
    columns.push_back(number_column("items", customers, [&](size_t i) {
      const auto index = static_cast<size_t>(customers.table_index[i]);
      return static_cast<double>(purchases.of_customer[index].size());
    }));
  }
  return columns;
}

}  // namespace limner
