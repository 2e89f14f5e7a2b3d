// What was learned from the training rows about a field, kept so that rows of later runs are treated alike.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "prepare/field_plan.h"
#include "runtime/files.h"

namespace limner {

struct FittedField {
  ValueType type = ValueType::category;
  std::string treatment;  // the settings it was fitted for
  std::optional<double> fill_number;
  std::optional<std::string> fill_category;
  std::optional<double> low, high;      // beyond is an outlier
  std::optional<double> offset, scale;  // prepared = (value - offset) / scale
};

struct Fitted {
  std::map<std::string, FittedField> fields;
  std::vector<std::string> dropped;  // columns left out for their missing values
};

// The part of a plan that is fitted, in words: "missing: mean, outliers: iqr 1.5 clip, scaling: standard".
std::string treatment_words(const FieldPlan& plan);

// /fitted of prepared.h5. Errors of the second: bad_data where `where` holds something else.
Json to_json(const Fitted& fitted);
Fitted read_fitted(const std::string& json, const std::string& where);

// What prepare.fitted_from points to. Errors: as PreparedReader; no fitted values in it (bad_data).
Fitted load_fitted(const std::string& path);

}  // namespace limner
