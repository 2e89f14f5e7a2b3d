// Further vectors of a customer beside the mean and the recency-weighted mean (docs/formats.md).
#pragma once

#include "extract/shards.h"
#include "profile/customers.h"
#include "runtime/root_work.h"
#include "tables/prepared.h"

namespace limner {

// Fills Customers::attention, trend and change, reading all vectors once in the order of the rows, on rank 0.
// attention: sum of w v / sum of w over the customer's texts, w = exp(5 cos(v, mean)): texts that speak like
// the customer does count more (at most e^10 times). trend, where the table has times: the mean of the texts
// after the middle of the customer's first and last time minus that of the others; NaN without texts on both
// sides. change: 1 - cosine of those two means.
void add_customer_vectors(const PreparedReader& prepared, const EmbeddingsReader& embeddings,
                          Customers& customers, Heartbeat& heartbeat);

}  // namespace limner
