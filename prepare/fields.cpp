#include "prepare/fields.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "prepare/values.h"
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

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

double mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

// Of equally frequent values the smallest.
template <class Value>
Value most_frequent(const std::vector<Value>& values) {
  std::map<Value, int64_t> counts;
  for (const Value& value : values) ++counts[value];
  return std::max_element(counts.begin(), counts.end(),
                          [](const auto& a, const auto& b) { return a.second < b.second; })
      ->first;
}

void fill_numbers(TypedField& typed, const std::vector<bool>& known) {
  std::vector<double> values;
  for (size_t row = 0; row < known.size(); ++row) {
    if (known[row] && !std::isnan(typed.values.numbers[row])) values.push_back(typed.values.numbers[row]);
  }
  if (values.empty()) return;
  const double filler = typed.policy == MissingPolicy::mean     ? mean(values)
                        : typed.policy == MissingPolicy::median ? median(values)
                                                                : most_frequent(values);
  for (double& value : typed.values.numbers) {
    if (!std::isnan(value)) continue;
    value = filler;
    ++typed.filled;
  }
}

void fill_categories(TypedField& typed, const std::vector<bool>& known) {
  std::vector<int32_t> values;
  for (size_t row = 0; row < known.size(); ++row) {
    if (known[row] && typed.values.codes[row] >= 0) values.push_back(typed.values.codes[row]);
  }
  if (values.empty()) return;
  const int32_t filler = most_frequent(values);
  for (int32_t& code : typed.values.codes) {
    if (code >= 0) continue;
    code = filler;
    ++typed.filled;
  }
}

int64_t count_missing(const TypedField& typed) {
  const auto count = [](const auto& values, const auto& missing) {
    return static_cast<int64_t>(std::count_if(values.begin(), values.end(), missing));
  };
  switch (typed.field.type) {
    case FieldType::number:
      return count(typed.values.numbers, [](double value) { return std::isnan(value); });
    case FieldType::category:
      return count(typed.values.codes, [](int32_t code) { return code < 0; });
    case FieldType::multi_category:
      return count(typed.values.multi_codes, [](const auto& codes) { return codes.empty(); });
  }
  return 0;
}

}  // namespace

TypedField type_field(const FieldPlan& plan, const RawColumn& column, bool of_customer) {
  TypedField typed;
  typed.field.name = plan.name;
  typed.field.of_customer = of_customer;
  typed.policy = plan.missing;
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
  typed.missing = count_missing(typed);
  const bool of_numbers = plan.missing == MissingPolicy::mean || plan.missing == MissingPolicy::median;
  if (of_numbers && typed.field.type != FieldType::number && column.values.size() > 0) {
    fail(ExitCode::bad_config,
         "prepare.missing.{}: {} wants numbers, but {} of the field's values are none; set prepare.types.{}: "
         "number "
         "to reject those rows, or choose keep, reject or most_frequent",
         plan.name, missing_policy_name(plan.missing), typed.not_numbers, plan.name);
  }
  return typed;
}

void fill_missing(TypedField& field, const std::vector<bool>& known) {
  if (field.missing == 0 || field.policy == MissingPolicy::keep || field.policy == MissingPolicy::reject)
    return;
  if (field.field.type == FieldType::number) fill_numbers(field, known);
  if (field.field.type == FieldType::category) fill_categories(field, known);
}

}  // namespace limner
