// What the settings ask of one field: its type, and what becomes of missing values, outliers and scale.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>

#include "prepare/values.h"
#include "runtime/settings.h"

namespace limner {

enum class MissingPolicy : uint8_t {
  keep,
  reject,
  mean,
  median,
  most_frequent,
  constant,
  linear,       // in time, between the customer's rows
  cubic_spline  // the same
};
enum class OutlierMethod : uint8_t { iqr, z_score };
enum class OutlierAction : uint8_t { keep, clip, drop };
enum class Scaling : uint8_t { none, standard, min_max };

const char* missing_policy_name(MissingPolicy policy);
const char* outlier_method_name(OutlierMethod method);
const char* outlier_action_name(OutlierAction action);
const char* scaling_name(Scaling scaling);

struct OutlierPlan {
  OutlierMethod method = OutlierMethod::iqr;
  double limit = 1.5;
  OutlierAction action = OutlierAction::keep;
};

struct FieldPlan {
  std::string name;
  ValueType type = ValueType::automatic;
  MissingPolicy missing = MissingPolicy::keep;
  size_t slot = 0;  // in a record's values
  std::string constant = "";
  std::optional<OutlierPlan> outliers = std::nullopt;
  Scaling scaling = Scaling::none;
};

bool is_interpolation(MissingPolicy policy);

// A field with a meaning of its own: customer, text, time, item.
bool has_own_meaning(const std::string& name);

// The policy of any field, also one with a meaning of its own. Errors: bad_config.
MissingPolicy declared_policy(const PrepareSettings& settings, const std::string& field);

// The plan of a field without a meaning of its own. Errors: bad_config naming key and value where the
// declared type does not fit; an automatic type is checked when it is known (type_field).
FieldPlan plan_field(const PrepareSettings& settings, const std::string& name, size_t slot);

// Fails for settings of fields that are not there (`known` are all that the sources map), and of fields with
// a meaning of their own that these cannot have (bad_config).
void check_field_settings(const PrepareSettings& settings, const std::set<std::string>& known);

// Fails where a field that is (or turned out to be) of `type` cannot be treated as planned (bad_config).
void check_treatment(const FieldPlan& plan, ValueType type, const std::string& why);

}  // namespace limner
