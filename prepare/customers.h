// Customer tables, joined to the customers who wrote texts.
#pragma once

#include <vector>

#include "prepare/rows.h"

namespace limner {

struct CustomerTable {
  std::vector<RawColumn> fields;  // as SourcePlan::fields; one code a customer, -1 also for an orphan
  std::vector<bool> present;      // has the customer a row in this table?
  SourceCounts counts;
};

// Of a customer who stands in the table twice, the first row stays: an equal one is a duplicate, another one
// is rejected. Errors: those of the reader; no row of any customer who wrote a text (bad_data).
CustomerTable read_customer_table(const SourcePlan& source, const PrepareSettings& settings,
                                  const Distinct& customers, RejectLog& rejects, Heartbeat& heartbeat);

}  // namespace limner
