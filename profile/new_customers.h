// Customers whom no model has seen: profiled with the segments and models of an earlier run.
#pragma once

#include "runtime/run.h"

namespace limner {

// profile.fitted_from: reads its models/, assigns every customer of this run's prepared table to the nearest
// segment and applies every model; writes profile/report.html, customers.csv, segments.csv, and
// profile/predictions.jsonl, one record a customer:
// {"schema_version", "customer", "segment": {number, title, similarity}, "predictions": {name: {"predicted"}
// of a number, {"predicted", "of", "selected"} of two classes, {"predicted", "probabilities"} of more},
// "topics": shares of the earlier run's topics}. A collective. Errors: prepare.fitted_from is not set
// (bad_config); a field that a model wants is not in the table, texts where there were none, vectors of
// another model (bad_data).
void profile_new_customers(const Run& run);

}  // namespace limner
