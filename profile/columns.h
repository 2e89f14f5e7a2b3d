// Attributes and targets of customers, from the fields of prepared.h5.
#pragma once

#include <string>
#include <vector>

#include "profile/customers.h"
#include "tables/prepared.h"

namespace limner {

// One value a profiled customer: `numbers` (NaN missing), or `codes` into `categories` (-1 missing).
struct CustomerColumn {
  std::string name;
  bool is_number = true;
  std::vector<double> numbers;
  std::vector<int32_t> codes;
  std::vector<std::string> categories;
};

// Every field of customers. A multi_category field becomes one number (0 or 1) for each of its twelve most
// frequent categories, named "field: category".
std::vector<CustomerColumn> customer_columns(const PreparedReader& prepared, const Customers& customers);

// A field of rows, averaged over each customer's rows that have it: a number's mean; of a category of two
// values the share of the second, named "field: category". Errors: other categories (bad_config).
CustomerColumn averaged_column(const PreparedReader& prepared, const Customers& customers,
                               const std::string& field);

// A field by name, of customers or averaged from rows. Unknown: bad_config naming the fields there are.
CustomerColumn find_column(const PreparedReader& prepared, const Customers& customers,
                           const std::string& field, const std::string& key);

}  // namespace limner
