// Who took which item, in which order.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tables/prepared.h"

namespace limner {

struct Purchases {
  std::vector<std::string> items;                 // ascending by bytes
  std::vector<std::vector<int32_t>> of_customer;  // per customer of the table: each item once, by first time
  bool by_time = false;                           // else in the order of the rows

  // How late a customer took an item: 0, or 1 for the last but one and 2 for the last item of a customer with
  // more (two items: no 1; one item: 0). What is held out of a measurement is told by it.
  int lateness(int64_t customer, int32_t item) const;
  // Every customer's items up to this lateness.
  std::vector<std::vector<int32_t>> until(int lateness) const;
};

// Rows without a time come before dated ones; equal times keep the order of the rows. Holds 16 bytes a row.
Purchases read_purchases(const PreparedReader& prepared);
// The number of each row's item in [first, first + count); -1: no item.
std::vector<int32_t> item_numbers(const PreparedReader& prepared, const Purchases& purchases, int64_t first,
                                  int64_t count);

}  // namespace limner
