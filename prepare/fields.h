// From strings to typed columns.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "prepare/distinct.h"
#include "prepare/plan.h"
#include "tables/prepared.h"

namespace limner {

struct TypedField {
  Field field;
  FieldValues values;
  ValueType type = ValueType::category;  // what it was read as; never automatic
  MissingPolicy policy = MissingPolicy::keep;
  int64_t missing = 0;  // empty values, before filling
  int64_t filled = 0;
  int64_t not_numbers = 0;  // of an automatic category: how many values are no numbers
};

// Gives a column its type: the declared one, or number if it has values and all are numbers, else category.
// Times become seconds. Categories are ascending by bytes. Errors: bad_config if the missing policy does not
// fit the type.
TypedField type_field(const FieldPlan& plan, const RawColumn& column, bool of_customer);

// Fills missing values by the field's policy, from the entries that `known` marks (the training rows, so that
// nothing of the other parts shows). Without any value there they stay missing.
void fill_missing(TypedField& field, const std::vector<bool>& known);

}  // namespace limner
