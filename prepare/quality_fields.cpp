#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <set>

#include "prepare/quality.h"
#include "prepare/statistics.h"

namespace limner {

namespace {

constexpr size_t most_top_values = 20;

std::vector<int64_t> count_categories(const TypedField& field) {
  std::vector<int64_t> counts(field.field.categories.size(), 0);
  for (const int32_t code : field.values.codes) {
    if (code >= 0) ++counts[static_cast<size_t>(code)];
  }
  for (const auto& codes : field.values.multi_codes) {
    for (const int32_t code : codes) ++counts[static_cast<size_t>(code)];
  }
  return counts;
}

Json describe_top(const TypedField& field) {
  Json top = Json::array();
  if (looks_like_text(field)) return top;
  const std::vector<int64_t> counts = count_categories(field);
  std::vector<size_t> order(counts.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return counts[a] > counts[b]; });
  order.resize(std::min(order.size(), most_top_values));
  for (const size_t code : order) {
    top.push_back({{"value", field.field.categories[code]}, {"count", counts[code]}});
  }
  return top;
}

Json or_null(const std::optional<double>& value) { return value ? Json(*value) : Json(nullptr); }

// Only what the settings ask for.
void describe_treatment(Json& described, const TypedField& field) {
  const FittedField& fitted = field.fitted;
  if (fitted.fill_number) described["fill"] = *fitted.fill_number;
  if (fitted.fill_category && !looks_like_text(field)) described["fill"] = *fitted.fill_category;
  if (field.plan.outliers) {
    described["outliers"] = {{"method", outlier_method_name(field.plan.outliers->method)},
                             {"limit", field.plan.outliers->limit},
                             {"action", outlier_action_name(field.plan.outliers->action)},
                             {"low", or_null(fitted.low)},
                             {"high", or_null(fitted.high)},
                             {"count", field.outliers}};
  }
  if (field.plan.scaling != Scaling::none) {
    described["scaling"] = {{"kind", scaling_name(field.plan.scaling)},
                            {"offset", or_null(fitted.offset)},
                            {"scale", or_null(fitted.scale)}};
  }
}

}  // namespace

bool looks_like_text(const TypedField& field) {
  const auto values = static_cast<int64_t>(field.values.codes.size()) - field.missing;
  const auto distinct = static_cast<int64_t>(field.field.categories.size());
  return field.field.type == FieldType::category && distinct > 50 && distinct * 2 > values;
}

Json describe_field(const TypedField& field) {
  Json described{{"name", field.field.name},
                 {"type", value_type_name(field.type)},
                 {"of", field.field.of_customer ? "customer" : "row"},
                 {"missing", field.missing},
                 {"missing_policy", missing_policy_name(field.plan.missing)},
                 {"filled", field.filled}};
  describe_treatment(described, field);
  if (field.field.type != FieldType::number) {
    described["distinct"] = field.field.categories.size();
    described["top"] = describe_top(field);
    return described;
  }
  std::vector<double> known;
  std::copy_if(field.values.numbers.begin(), field.values.numbers.end(), std::back_inserter(known),
               [](double value) { return !std::isnan(value); });
  described["distinct"] = std::set<double>(known.begin(), known.end()).size();
  const Json numbers = describe_numbers(known);
  for (const char* name : {"min", "mean", "max"}) described[name] = numbers[name];
  return described;
}

Json describe_numbers(std::vector<double> values) {
  constexpr std::array<std::pair<const char*, double>, 9> quantiles{{{"min", 0.0},
                                                                     {"p05", 0.05},
                                                                     {"p25", 0.25},
                                                                     {"median", 0.5},
                                                                     {"p75", 0.75},
                                                                     {"p95", 0.95},
                                                                     {"p99", 0.99},
                                                                     {"max", 1.0},
                                                                     {"mean", -1.0}}};
  std::sort(values.begin(), values.end());
  Json described = Json::object();
  for (const auto& [name, share] : quantiles) {
    described[name] = nullptr;
    if (values.empty() || share < 0) continue;
    described[name] = quantile(values, share);
  }
  if (!values.empty()) {
    described["mean"] = mean_of(values);
  }
  return described;
}

}  // namespace limner
