#include "prepare/treatment.h"

#include <algorithm>
#include <cmath>

#include "prepare/curve.h"
#include "prepare/statistics.h"

namespace limner {

namespace {

std::vector<double> known_numbers(const TypedField& field, const std::vector<bool>& known) {
  std::vector<double> values;
  for (size_t entry = 0; entry < known.size(); ++entry) {
    const double value = field.values.numbers[entry];
    if (known[entry] && !std::isnan(value)) values.push_back(value);
  }
  return values;
}

void fit_limits(TypedField& field, const std::vector<bool>& known) {
  std::vector<double> values = known_numbers(field, known);
  if (values.empty()) return;
  const OutlierPlan& plan = *field.plan.outliers;
  if (plan.method == OutlierMethod::z_score) {
    const double mean = mean_of(values), reach = plan.limit * standard_deviation(values);
    field.fitted.low = mean - reach;
    field.fitted.high = mean + reach;
    return;
  }
  std::sort(values.begin(), values.end());
  const double lower = quantile(values, 0.25), upper = quantile(values, 0.75);
  field.fitted.low = lower - plan.limit * (upper - lower);
  field.fitted.high = upper + plan.limit * (upper - lower);
}

void fit_number(TypedField& field, const std::vector<bool>& known) {
  std::vector<double> values = known_numbers(field, known);
  if (values.empty()) return;
  std::sort(values.begin(), values.end());
  field.fitted.fill_number = field.plan.missing == MissingPolicy::mean     ? mean_of(values)
                             : field.plan.missing == MissingPolicy::median ? quantile(values, 0.5)
                                                                           : most_frequent(values);
}

void fit_category(TypedField& field, const std::vector<bool>& known) {
  std::vector<int32_t> codes;
  for (size_t entry = 0; entry < known.size(); ++entry) {
    if (known[entry] && field.values.codes[entry] >= 0) codes.push_back(field.values.codes[entry]);
  }
  if (!codes.empty())
    field.fitted.fill_category = field.field.categories[static_cast<size_t>(most_frequent(codes))];
}

// The code of a category, which is added if the column has it not.
int32_t category_code(TypedField& field, const std::string& value) {
  std::vector<std::string>& categories = field.field.categories;
  const auto place = std::lower_bound(categories.begin(), categories.end(), value);
  const auto code = static_cast<int32_t>(place - categories.begin());
  if (place != categories.end() && *place == value) return code;
  categories.insert(place, value);
  for (int32_t& other : field.values.codes) other += other >= code ? 1 : 0;
  return code;
}

void fill_numbers(TypedField& field) {
  if (!field.fitted.fill_number) return;
  for (double& value : field.values.numbers) {
    if (!std::isnan(value)) continue;
    value = *field.fitted.fill_number;
    ++field.filled;
  }
}

void fill_categories(TypedField& field) {
  if (!field.fitted.fill_category) return;
  const int32_t code = category_code(field, *field.fitted.fill_category);
  for (int32_t& entry : field.values.codes) {
    if (entry >= 0) continue;
    entry = code;
    ++field.filled;
  }
}

// The rows of every customer, end to end: those of customer c from first[c] on.
struct RowsOfCustomers {
  std::vector<size_t> rows, first;

  explicit RowsOfCustomers(const RowTimes& table)
      : rows(table.customer.size()), first(static_cast<size_t>(table.customers) + 1, 0) {
    for (const int32_t customer : table.customer) ++first[static_cast<size_t>(customer) + 1];
    for (size_t customer = 1; customer < first.size(); ++customer) first[customer] += first[customer - 1];
    std::vector<size_t> next(first.begin(), first.end() - 1);
    for (size_t row = 0; row < rows.size(); ++row)
      rows[next[static_cast<size_t>(table.customer[row])]++] = row;
  }
};

// Days since the first row of the customer: spans of seconds and of years both keep their digits.
double days_between(int64_t from, int64_t to) { return static_cast<double>(to - from) / 86400e6; }

// The missing entries of one customer in one part. `values` are those before any filling.
void interpolate_part(TypedField& field, const std::vector<double>& values, const RowTimes& table,
                      const std::vector<size_t>& rows, Split part) {
  std::vector<std::pair<double, double>> points;
  std::vector<size_t> wanted;
  const int64_t start = table.times[rows.front()];
  for (const size_t row : rows) {
    const bool missing = std::isnan(values[row]);
    if (missing && table.split[row] == part) wanted.push_back(row);
    if (!missing && (table.split[row] == part || table.split[row] == Split::train)) {
      points.emplace_back(days_between(start, table.times[row]), values[row]);
    }
  }
  if (points.empty() || wanted.empty()) return;
  const Curve curve(field.plan.missing == MissingPolicy::linear ? CurveKind::linear : CurveKind::cubic_spline,
                    std::move(points));
  for (const size_t row : wanted) {
    field.values.numbers[row] = curve.at(days_between(start, table.times[row]));
    ++field.filled;
  }
}

}  // namespace

bool is_outlier(const TypedField& field, double value) {
  return field.fitted.low && (value < *field.fitted.low || value > *field.fitted.high);
}

void treat_outliers(TypedField& field, const std::vector<bool>& known) {
  if (!field.plan.outliers || field.field.type != FieldType::number) return;
  if (!field.fitted.low) fit_limits(field, known);
  for (double& value : field.values.numbers) {
    if (!is_outlier(field, value)) continue;
    ++field.outliers;
    if (field.plan.outliers->action == OutlierAction::clip) {
      value = std::clamp(value, *field.fitted.low, *field.fitted.high);
    }
  }
}

void fill_missing(TypedField& field, const std::vector<bool>& known) {
  const bool number = field.field.type == FieldType::number;
  switch (field.plan.missing) {
    case MissingPolicy::mean:
    case MissingPolicy::median:
    case MissingPolicy::most_frequent:
      if (number && !field.fitted.fill_number) fit_number(field, known);
      if (!number && !field.fitted.fill_category) fit_category(field, known);
      break;
    case MissingPolicy::constant:
      if (number) {
        field.fitted.fill_number = parse_value(field.type, field.plan.constant);
      } else {
        field.fitted.fill_category = field.plan.constant;
      }
      break;
    default:
      return;
  }
  if (field.missing == 0) return;
  if (number) {
    fill_numbers(field);
  } else {
    fill_categories(field);
  }
}

void interpolate(TypedField& field, const RowTimes& rows) {
  if (!is_interpolation(field.plan.missing) || field.missing == 0) return;
  if (field.field.type != FieldType::number) return;  // a column without any value has no type to speak of
  const RowsOfCustomers grouped(rows);
  const std::vector<double> values = field.values.numbers;
  for (size_t customer = 0; customer + 1 < grouped.first.size(); ++customer) {
    std::vector<size_t> timed;
    bool gap = false;
    for (size_t place = grouped.first[customer]; place < grouped.first[customer + 1]; ++place) {
      const size_t row = grouped.rows[place];
      if (rows.times[row] == missing_time) continue;
      timed.push_back(row);
      gap = gap || std::isnan(values[row]);
    }
    if (!gap) continue;
    for (const Split part : {Split::train, Split::validation, Split::test}) {
      interpolate_part(field, values, rows, timed, part);
    }
  }
}

void scale(TypedField& field, const std::vector<bool>& known) {
  if (field.plan.scaling == Scaling::none || field.field.type != FieldType::number) return;
  FittedField& fitted = field.fitted;
  if (!fitted.scale) {
    const std::vector<double> values = known_numbers(field, known);
    if (values.empty()) return;
    const auto [lowest, highest] = std::minmax_element(values.begin(), values.end());
    const bool standard = field.plan.scaling == Scaling::standard;
    const double spread = standard ? standard_deviation(values) : *highest - *lowest;
    fitted.offset = standard ? mean_of(values) : *lowest;
    fitted.scale = *highest > *lowest ? spread : 1.0;
  }
  for (double& value : field.values.numbers) value = (value - *fitted.offset) / *fitted.scale;
}

}  // namespace limner
