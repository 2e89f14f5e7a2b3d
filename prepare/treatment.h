// What becomes of a typed field's outliers, missing values and scale. Everything learned is learned from the
// training rows alone, so that nothing of the other parts shows in them.
#pragma once

#include <vector>

#include "prepare/fields.h"
#include "tables/prepared.h"

namespace limner {

// Each step takes what `field.fitted` holds already (of an earlier run), else fits it to the entries that
// `known` marks: the training rows, or their customers. Without a value among those nothing is fitted, and
// the column stays as it is.

// Limits, from the quartiles (beyond limit times their distance: Tukey's fences) or from mean and standard
// deviation. Counts what lies beyond, and clips it where the plan says so; dropping is the caller's.
void treat_outliers(TypedField& field, const std::vector<bool>& known);
bool is_outlier(const TypedField& field, double value);

// Mean, median, most frequent value or constant into missing entries.
void fill_missing(TypedField& field, const std::vector<bool>& known);

// Rows in time, one entry a row.
struct RowTimes {
  const std::vector<int32_t>& customer;
  const std::vector<int64_t>& times;  // microseconds; missing_time
  const std::vector<Split>& split;
  int32_t customers = 0;
};

// Fills missing entries from the customer's other rows. A training row is filled from training rows, another
// row from those and the rows of its own part. Rows without a time, and customers without a value, stay
// missing.
void interpolate(TypedField& field, const RowTimes& rows);

// (value - mean) / standard deviation, or (value - minimum) / (maximum - minimum); by 1 where all are equal.
void scale(TypedField& field, const std::vector<bool>& known);

}  // namespace limner
