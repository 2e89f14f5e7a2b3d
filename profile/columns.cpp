#include "profile/columns.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "runtime/error.h"

namespace limner {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr size_t most_multi_categories = 12;
constexpr int64_t rows_per_block = 1 << 18;

// 1 for customers with the category, NaN for those without any.
std::vector<double> shares(const FieldValues& values, const Customers& customers, int32_t category) {
  std::vector<double> result;
  for (const int64_t index : customers.table_index) {
    const std::vector<int32_t>& codes = values.multi_codes[static_cast<size_t>(index)];
    const bool has = std::find(codes.begin(), codes.end(), category) != codes.end();
    result.push_back(codes.empty() ? nan : has ? 1 : 0);
  }
  return result;
}

int32_t code_of(const Field& field, const std::string& category) {
  const auto found = std::find(field.categories.begin(), field.categories.end(), category);
  return found == field.categories.end() ? -1 : static_cast<int32_t>(found - field.categories.begin());
}

std::vector<CustomerColumn> expand(const Field& field, const FieldValues& values,
                                   const Customers& customers) {
  std::vector<int64_t> counts(field.categories.size());
  for (const int64_t index : customers.table_index) {
    for (const int32_t code : values.multi_codes[static_cast<size_t>(index)])
      ++counts[static_cast<size_t>(code)];
  }
  std::vector<size_t> order(counts.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return counts[a] > counts[b]; });
  std::vector<CustomerColumn> columns;
  for (const size_t category : order) {
    if (columns.size() == most_multi_categories || counts[category] == 0) break;
    CustomerColumn& column = columns.emplace_back();
    column.name = field.name + ": " + field.categories[category];
    column.field = field.name;
    column.category = field.categories[category];
    column.numbers = shares(values, customers, static_cast<int32_t>(category));
  }
  return columns;
}

CustomerColumn single_column(const PreparedReader& prepared, const Customers& customers, const Field& field) {
  const FieldValues values = prepared.customer_values(field.name);
  CustomerColumn column{field.name, field.type == FieldType::number, {}, {}, field.categories, field.name};
  for (const int64_t index : customers.table_index) {
    if (column.is_number) {
      column.numbers.push_back(values.numbers[static_cast<size_t>(index)]);
    } else {
      column.codes.push_back(values.codes[static_cast<size_t>(index)]);
    }
  }
  return column;
}

// Means over a customer's rows: of a number, or of a category's zeros and ones (code -1: no row has it).
std::vector<double> row_means(const PreparedReader& prepared, const Customers& customers, const Field& field,
                              int32_t category) {
  const bool is_number = field.type == FieldType::number;
  std::vector<double> sums(static_cast<size_t>(prepared.customers())), counts(sums.size());
  for (int64_t first = 0; first < prepared.rows(); first += rows_per_block) {
    const int64_t count = std::min(rows_per_block, prepared.rows() - first);
    const std::vector<int64_t> customer = prepared.customer_index(first, count);
    const FieldValues values = prepared.values(field.name, first, count);
    for (size_t row = 0; row < customer.size(); ++row) {
      const double value = is_number                       ? values.numbers[row]
                           : values.codes[row] < 0         ? nan
                           : values.codes[row] == category ? 1
                                                           : 0;
      if (std::isnan(value)) continue;
      sums[static_cast<size_t>(customer[row])] += value;
      counts[static_cast<size_t>(customer[row])] += 1;
    }
  }
  std::vector<double> means;
  for (const int64_t index : customers.table_index) {
    const auto i = static_cast<size_t>(index);
    means.push_back(counts[i] > 0 ? sums[i] / counts[i] : nan);
  }
  return means;
}

CustomerColumn averaged_column(const PreparedReader& prepared, const Customers& customers,
                               const Field& field) {
  const bool is_number = field.type == FieldType::number;
  if (!is_number && (field.type != FieldType::category || field.categories.size() != 2)) {
    fail(ExitCode::bad_config,
         "field '{}' has one value a row and cannot be averaged per customer: it is neither a number nor a "
         "category "
         "of two values",
         field.name);
  }
  CustomerColumn column;
  column.field = field.name;
  column.category = is_number ? "" : field.categories[1];
  column.name = is_number ? field.name : field.name + ": " + column.category;
  column.numbers = row_means(prepared, customers, field, 1);
  return column;
}

}  // namespace

std::vector<CustomerColumn> field_columns(const PreparedReader& prepared, const Customers& customers,
                                          const std::string& name) {
  const Field& field = prepared.field(name);
  if (!field.of_customer) return {averaged_column(prepared, customers, field)};
  if (field.type == FieldType::multi_category)
    return expand(field, prepared.customer_values(name), customers);
  return {single_column(prepared, customers, field)};
}

std::vector<CustomerColumn> customer_columns(const PreparedReader& prepared, const Customers& customers) {
  std::vector<CustomerColumn> columns;
  for (const Field& field : prepared.fields()) {
    if (!field.of_customer) continue;
    for (CustomerColumn& column : field_columns(prepared, customers, field.name)) {
      columns.push_back(std::move(column));
    }
  }
  return columns;
}

CustomerColumn field_column(const PreparedReader& prepared, const Customers& customers,
                            const std::string& name) {
  if (prepared.field(name).type == FieldType::multi_category) {
    fail(ExitCode::bad_config, "field '{}' holds several values a customer; name a number or a category",
         name);
  }
  return field_columns(prepared, customers, name).front();
}

CustomerColumn same_column(const PreparedReader& prepared, const Customers& customers,
                           const std::string& name, const std::string& category, bool is_number,
                           const std::string& wanted_by) {
  const auto known = std::find_if(prepared.fields().begin(), prepared.fields().end(),
                                  [&](const Field& entry) { return entry.name == name; });
  if (known == prepared.fields().end()) {
    fail(ExitCode::bad_data,
         "{} wants the field '{}', which the prepared table has not; map its column in prepare.sources",
         wanted_by, name);
  }
  const Field& field = *known;
  const bool column_is_number = !category.empty() || field.type == FieldType::number || !field.of_customer;
  if (column_is_number != is_number || (category.empty() && field.type == FieldType::multi_category) ||
      (!category.empty() && field.type == FieldType::number)) {
    fail(ExitCode::bad_data,
         "{} wants the field '{}' of another type; prepare the table with prepare.fitted_from", wanted_by,
         name);
  }
  if (category.empty() && field.of_customer) return single_column(prepared, customers, field);
  CustomerColumn column;
  column.name = name;
  column.field = name;
  column.category = category;
  column.numbers = field.of_customer
                       ? shares(prepared.customer_values(name), customers, code_of(field, category))
                       : row_means(prepared, customers, field, code_of(field, category));
  return column;
}

const Field& require_field(const PreparedReader& prepared, const std::string& field, const std::string& key) {
  const auto known = std::find_if(prepared.fields().begin(), prepared.fields().end(),
                                  [&](const Field& entry) { return entry.name == field; });
  if (known != prepared.fields().end()) return *known;
  std::string names;
  for (const Field& entry : prepared.fields()) names += (names.empty() ? "" : ", ") + entry.name;
  fail(ExitCode::bad_config, "{}: there is no field '{}'; the prepared table has: {}", key, field,
       names.empty() ? "no fields" : names);
}

}  // namespace limner
