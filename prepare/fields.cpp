#include "prepare/fields.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "runtime/error.h"

namespace limner {

namespace {

constexpr double missing_number = std::numeric_limits<double>::quiet_NaN();

// Numbers of the distinct values; NaN where a value is none.
std::vector<double> read_numbers(ValueType type, const Distinct& values) {
  std::vector<double> numbers;
  for (int64_t code = 0; code < values.size(); ++code) {
    numbers.push_back(parse_value(type, values[code]).value_or(missing_number));
  }
  return numbers;
}

int32_t category_code(const std::vector<std::string>& categories, const std::string& value) {
  return static_cast<int32_t>(std::lower_bound(categories.begin(), categories.end(), value) -
                              categories.begin());
}

void make_categories(TypedField& typed, const RawColumn& column) {
  std::vector<std::string>& categories = typed.field.categories;
  for (int64_t code = 0; code < column.values.size(); ++code) categories.push_back(column.values[code]);
  std::sort(categories.begin(), categories.end());
  std::vector<int32_t> new_codes;
  for (int64_t code = 0; code < column.values.size(); ++code) {
    new_codes.push_back(category_code(categories, column.values[code]));
  }
  for (const int32_t code : column.codes) {
    typed.values.codes.push_back(code < 0 ? -1 : new_codes[static_cast<size_t>(code)]);
  }
}

void make_multi_categories(TypedField& typed, const RawColumn& column) {
  std::set<std::string> all;
  std::vector<std::vector<std::string>> parts;
  for (int64_t code = 0; code < column.values.size(); ++code) {
    parts.push_back(split_categories(column.values[code]));
    all.insert(parts.back().begin(), parts.back().end());
  }
  typed.field.categories.assign(all.begin(), all.end());
  std::vector<std::vector<int32_t>> new_codes;
  for (const auto& of_value : parts) {
    new_codes.emplace_back();
    for (const std::string& part : of_value) {
      new_codes.back().push_back(category_code(typed.field.categories, part));
    }
  }
  for (const int32_t code : column.codes) {
    typed.values.multi_codes.push_back(code < 0 ? std::vector<int32_t>()
                                                : new_codes[static_cast<size_t>(code)]);
  }
}

void make_numbers(TypedField& typed, const RawColumn& column, const std::vector<double>& numbers) {
  for (const int32_t code : column.codes) {
    typed.values.numbers.push_back(code < 0 ? missing_number : numbers[static_cast<size_t>(code)]);
  }
}

}  // namespace

int64_t TypedField::entries() const {
  return static_cast<int64_t>(
      std::max({values.numbers.size(), values.codes.size(), values.multi_codes.size()}));
}

bool TypedField::is_missing(size_t entry) const {
  switch (field.type) {
    case FieldType::number:
      return std::isnan(values.numbers[entry]);
    case FieldType::category:
      return values.codes[entry] < 0;
    case FieldType::multi_category:
      return values.multi_codes[entry].empty();
  }
  return false;
}

void TypedField::count_missing() {
  missing = 0;
  for (size_t entry = 0; entry < static_cast<size_t>(entries()); ++entry)
    missing += is_missing(entry) ? 1 : 0;
}

TypedField type_field(const FieldPlan& plan, const RawColumn& column, bool of_customer) {
  TypedField typed;
  typed.field.name = plan.name;
  typed.field.of_customer = of_customer;
  typed.plan = plan;
  typed.type = plan.type;
  std::vector<double> numbers;
  if (plan.type != ValueType::category && plan.type != ValueType::multi_category) {
    numbers = read_numbers(plan.type, column.values);
  }
  if (plan.type == ValueType::automatic) {
    typed.not_numbers = std::count_if(column.codes.begin(), column.codes.end(), [&](int32_t code) {
      return code >= 0 && std::isnan(numbers[static_cast<size_t>(code)]);
    });
    const bool is_number = column.values.size() > 0 && typed.not_numbers == 0;
    typed.type = is_number ? ValueType::number : ValueType::category;
  }

  switch (typed.type) {
    case ValueType::category:
      typed.field.type = FieldType::category;
      make_categories(typed, column);
      break;
    case ValueType::multi_category:
      typed.field.type = FieldType::multi_category;
      make_multi_categories(typed, column);
      break;
    default:
      typed.field.type = FieldType::number;
      make_numbers(typed, column, numbers);
  }
  typed.count_missing();
  typed.fitted.type = typed.type;
  typed.fitted.treatment = treatment_words(plan);
  if (plan.type == ValueType::automatic && column.values.size() > 0) {
    check_treatment(plan, typed.type,
                    typed.not_numbers == 0
                        ? std::string()
                        : fmt::format(": {} of its values are no numbers; prepare.types.{}: number rejects "
                                      "those rows",
                                      typed.not_numbers, plan.name));
  }
  return typed;
}

TypedField number_field(const FieldPlan& plan, std::vector<double> values) {
  TypedField typed;
  typed.plan = plan;
  typed.type = plan.type;
  typed.field.name = plan.name;
  typed.field.type = FieldType::number;
  typed.field.of_customer = true;
  typed.values.numbers = std::move(values);
  typed.count_missing();
  typed.fitted.type = typed.type;
  typed.fitted.treatment = treatment_words(plan);
  return typed;
}

}  // namespace limner
