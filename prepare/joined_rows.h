// Everything that is held while prepare works, and the steps that need all of it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "prepare/customers.h"
#include "prepare/events.h"
#include "prepare/fields.h"
#include "prepare/rows.h"

namespace limner {

struct JoinedRows {
  TextRows rows;
  std::vector<CustomerTable> tables;  // as PreparePlan::customers
  std::optional<EventTable> events;   // its values are moved into the fields
  std::vector<TypedField> fields;     // of rows, then of customers
  std::vector<Split> split;           // one a row
};

// A column that was left out, and the share of the training entries in which it was missing.
struct DroppedColumn {
  std::string name;
  double missing = 0;
};

// Outliers, missing values and scale of every field, in that order. Columns that are too empty in the
// training rows are left out first (or those that `given` left out); rows with an outlier that its field
// drops are rejected, and a customer without rows goes with them. given: values of an earlier run, or null.
// Errors: no row is left (bad_data).
std::vector<DroppedColumn> treat_fields(JoinedRows& joined, const PreparePlan& plan,
                                        const PrepareSettings& settings, const Fitted* given,
                                        RejectLog& rejects);

// Takes the types that `given` found into the plan. Errors: a field that it does not know, or that it treats
// in another way (bad_config).
void adopt_types(PreparePlan& plan, const Fitted& given);

// Keeps the marked rows and the customers who have one, in the order of their first row.
void keep_rows(JoinedRows& joined, const std::vector<bool>& kept);

}  // namespace limner
