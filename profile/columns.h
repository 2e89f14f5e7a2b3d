// Attributes and targets of customers, from the fields of prepared.h5.
#pragma once

#include <string>
#include <vector>

#include "profile/customers.h"
#include "tables/prepared.h"

namespace limner {

// One value a profiled customer: `numbers` (NaN missing), or `codes` into `categories` (-1 missing).
struct CustomerColumn {
  std::string name;  // for readers
  bool is_number = true;
  std::vector<double> numbers;
  std::vector<int32_t> codes;
  std::vector<std::string> categories;
  std::string field;          // of prepared.h5 that it comes from
  std::string category = "";  // of a number that is a share of one category: which
};

// Every field of customers. A multi_category field becomes one number (0 or 1) for each of its twelve most
// frequent categories, named "field: category".
std::vector<CustomerColumn> customer_columns(const PreparedReader& prepared, const Customers& customers);

// The columns of one field: of customers as above; of rows averaged over each customer's rows that have it (a
// number's mean; of a category of two values the share of the second, named "field: category"). Errors: a row
// field of other categories (bad_config).
std::vector<CustomerColumn> field_columns(const PreparedReader& prepared, const Customers& customers,
                                          const std::string& field);
// The same for a field that must be one column. Errors: a field of several values (bad_config).
CustomerColumn field_column(const PreparedReader& prepared, const Customers& customers,
                            const std::string& field);

// The column that another table gave under this field and category (CustomerColumn), from this table; a
// category that it does not know has no customer. Errors: it has no such field, or another type (bad_data,
// naming `wanted_by`).
CustomerColumn same_column(const PreparedReader& prepared, const Customers& customers,
                           const std::string& field, const std::string& category, bool is_number,
                           const std::string& wanted_by);

// Unknown: bad_config naming `key` and the fields there are.
const Field& require_field(const PreparedReader& prepared, const std::string& field, const std::string& key);

}  // namespace limner
