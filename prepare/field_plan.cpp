#include "prepare/field_plan.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "runtime/error.h"

namespace limner {

namespace {

constexpr std::array<const char*, 8> policy_names{"keep",          "reject",   "mean",   "median",
                                                  "most_frequent", "constant", "linear", "cubic_spline"};
constexpr std::array<const char*, 2> method_names{"iqr", "z_score"};
constexpr std::array<const char*, 3> action_names{"keep", "clip", "drop"};
constexpr std::array<const char*, 3> scaling_names{"none", "standard", "min_max"};

template <class Enum, size_t size>
Enum named(const std::array<const char*, size>& names, const std::string& key, const std::string& value) {
  const auto found = std::find(names.begin(), names.end(), value);
  if (found == names.end()) {
    fail(ExitCode::bad_config, "{}: unknown word `{}`; known are {}", key, value, fmt::join(names, ", "));
  }
  return static_cast<Enum>(found - names.begin());
}

ValueType declared_type(const PrepareSettings& settings, const std::string& field) {
  const auto entry = settings.types.find(field);
  if (entry == settings.types.end()) return ValueType::automatic;
  for (const ValueType type :
       {ValueType::number, ValueType::time, ValueType::category, ValueType::multi_category}) {
    if (entry->second == value_type_name(type)) return type;
  }
  fail(ExitCode::bad_config,
       "prepare.types.{}: unknown type `{}`; known are category, number, multi_category and time", field,
       entry->second);
}

std::optional<OutlierPlan> declared_outliers(const PrepareSettings& settings, const std::string& field) {
  for (const OutlierSettings& of_field : settings.outliers) {
    if (of_field.field != field) continue;
    OutlierPlan plan;
    plan.method = named<OutlierMethod>(method_names, "prepare.outliers", of_field.method);
    plan.limit = of_field.limit.value_or(plan.method == OutlierMethod::iqr ? 1.5 : 3.0);
    plan.action = named<OutlierAction>(action_names, "prepare.outliers", of_field.action);
    return plan;
  }
  return std::nullopt;
}

Scaling declared_scaling(const PrepareSettings& settings, const std::string& field) {
  const auto entry = settings.scaling.find(field);
  if (entry == settings.scaling.end()) return Scaling::none;
  return named<Scaling>(scaling_names, "prepare.scaling." + field, entry->second);
}

void check_name(const std::string& key, const std::string& name, const std::set<std::string>& known) {
  if (known.contains(name)) return;
  fail(ExitCode::bad_config, "{}: no source maps the field `{}`; mapped are: {}", key, name,
       fmt::join(known, ", "));
}

void check_outliers(const PrepareSettings& settings, const std::set<std::string>& known) {
  std::set<std::string> seen;
  for (size_t index = 0; index < settings.outliers.size(); ++index) {
    const std::string& field = settings.outliers[index].field;
    const std::string key = fmt::format("prepare.outliers.{}.field", index);
    check_name(key, field, known);
    if (has_own_meaning(field)) fail(ExitCode::bad_config, "{}: `{}` is no number", key, field);
    if (!seen.insert(field).second)
      fail(ExitCode::bad_config, "{}: `{}` stands in the list twice", key, field);
  }
}

void check_constants(const PrepareSettings& settings) {
  for (const auto& [name, value] : settings.constants) {
    const auto policy = settings.missing.find(name);
    if (policy != settings.missing.end() && policy->second == "constant") continue;
    fail(ExitCode::bad_config, "prepare.constants.{}: `{}` is used only with prepare.missing.{}: constant",
         name, value, name);
  }
}

}  // namespace

const char* missing_policy_name(MissingPolicy policy) { return policy_names[static_cast<size_t>(policy)]; }
const char* outlier_method_name(OutlierMethod method) { return method_names[static_cast<size_t>(method)]; }
const char* outlier_action_name(OutlierAction action) { return action_names[static_cast<size_t>(action)]; }
const char* scaling_name(Scaling scaling) { return scaling_names[static_cast<size_t>(scaling)]; }

bool is_interpolation(MissingPolicy policy) {
  return policy == MissingPolicy::linear || policy == MissingPolicy::cubic_spline;
}

bool has_own_meaning(const std::string& name) {
  return name == "customer" || name == "text" || name == "time" || name == "item";
}

MissingPolicy declared_policy(const PrepareSettings& settings, const std::string& field) {
  const auto entry = settings.missing.find(field);
  if (entry == settings.missing.end()) return MissingPolicy::keep;
  return named<MissingPolicy>(policy_names, "prepare.missing." + field, entry->second);
}

FieldPlan plan_field(const PrepareSettings& settings, const std::string& name, size_t slot) {
  FieldPlan field{name, declared_type(settings, name), declared_policy(settings, name), slot};
  field.outliers = declared_outliers(settings, name);
  field.scaling = declared_scaling(settings, name);
  if (field.missing == MissingPolicy::constant) {
    const auto constant = settings.constants.find(name);
    if (constant == settings.constants.end() || constant->second.empty()) {
      fail(ExitCode::bad_config, "prepare.constants.{}: is wanted for prepare.missing.{}: constant", name,
           name);
    }
    field.constant = constant->second;
  }
  if (field.type != ValueType::automatic) check_treatment(field, field.type, "");
  return field;
}

void check_treatment(const FieldPlan& plan, ValueType type, const std::string& why) {
  const bool is_number = type == ValueType::number;
  const bool is_measure = is_number || type == ValueType::time;
  const auto refuse = [&](const std::string& key, const char* value, const char* wanted) {
    fail(ExitCode::bad_config, "prepare.{}: {} wants {}, the field's type is {}{}", key, value, wanted,
         value_type_name(type), why);
  };
  const bool of_measures = plan.missing == MissingPolicy::mean || plan.missing == MissingPolicy::median ||
                           is_interpolation(plan.missing);
  if (of_measures && !is_measure)
    refuse("missing." + plan.name, missing_policy_name(plan.missing), "numbers");
  if (plan.missing == MissingPolicy::constant && is_measure && !parse_value(type, plan.constant)) {
    fail(ExitCode::bad_config, "prepare.constants.{}: `{}` is no {}, but the field's type is{}", plan.name,
         plan.constant, value_type_name(type), why);
  }
  if (type == ValueType::multi_category && plan.missing != MissingPolicy::keep &&
      plan.missing != MissingPolicy::reject) {
    refuse("missing." + plan.name, missing_policy_name(plan.missing), "one value (else keep or reject)");
  }
  if (plan.outliers && !is_number) {
    refuse("outliers (field " + plan.name + ")", outlier_method_name(plan.outliers->method), "numbers");
  }
  if (plan.scaling != Scaling::none && !is_number) {
    refuse("scaling." + plan.name, scaling_name(plan.scaling), "numbers");
  }
}

void check_field_settings(const PrepareSettings& settings, const std::set<std::string>& known) {
  for (const auto& [key, map] :
       {std::pair("types", &settings.types), std::pair("missing", &settings.missing),
        std::pair("constants", &settings.constants), std::pair("scaling", &settings.scaling)}) {
    for (const auto& [name, value] : *map) check_name(fmt::format("prepare.{}.{}", key, name), name, known);
  }
  check_outliers(settings, known);
  check_constants(settings);
  for (const auto& [name, type] : settings.types) {
    if (!has_own_meaning(name) || (name == "time" && type == "time")) continue;
    fail(ExitCode::bad_config,
         "prepare.types.{}: `{}` has a meaning of its own and no other type; leave it out", name, name);
  }
  for (const auto& [name, policy] : settings.missing) {
    const bool optional = name == "time" || name == "item";
    if (!has_own_meaning(name) || policy == "reject" || (optional && policy == "keep")) continue;
    fail(ExitCode::bad_config, "prepare.missing.{}: `{}` allows only {}", name, name,
         optional ? "keep and reject" : "reject");
  }
  for (const auto& [name, scaling] : settings.scaling) {
    if (has_own_meaning(name))
      fail(ExitCode::bad_config, "prepare.scaling.{}: `{}` is no number", name, name);
  }
}

}  // namespace limner
