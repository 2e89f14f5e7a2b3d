// From strings to typed columns.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "prepare/distinct.h"
#include "prepare/fitted.h"
#include "tables/prepared.h"

namespace limner {

struct TypedField {
  FieldPlan plan;
  Field field;
  FieldValues values;
  ValueType type = ValueType::category;  // what it was read as; never automatic
  int64_t missing = 0;                   // empty values, before filling
  int64_t filled = 0;
  int64_t outliers = 0;
  int64_t not_numbers = 0;  // of an automatic category: how many values are no numbers
  FittedField fitted;

  int64_t entries() const;
  bool is_missing(size_t entry) const;
  void count_missing();
};

// Gives a column its type: the declared one, or number if it has values and all are numbers, else category.
// Times become seconds. Categories are ascending by bytes. Errors: bad_config if the type cannot be treated
// as planned.
TypedField type_field(const FieldPlan& plan, const RawColumn& column, bool of_customer);

// A customer's field of numbers, NaN where missing, that was computed and not read.
TypedField number_field(const FieldPlan& plan, std::vector<double> values);

}  // namespace limner
