// Further vectors of a customer beside the mean (docs/formats.md).
#pragma once

#include "extract/shards.h"
#include "profile/customers.h"
#include "runtime/files.h"
#include "runtime/root_work.h"
#include "tables/prepared.h"

namespace limner {

constexpr int64_t customer_vector_sums = 4;                  // vectors of double that a customer has in work
constexpr int64_t customer_vector_bytes = int64_t{1} << 30;  // of all in work together

// Fills Customers::recent, attention, trend and change on rank 0. The vectors are read in the order of the
// rows, once for as many customers as have their sums in `most_bytes`; what comes of it is the same for any
// number. It goes to scratch files in the folder `scratch`.
// recent, where Customers::half_life_days is above 0: the mean, a text weighing 2^(-age / half life), age
// counted from the customer's newest text; NaN without a dated text.
// attention: sum of w v / sum of w over the customer's texts, w = exp(5 cos(v, mean)): texts that speak like
// the customer does count more (at most e^10 times). trend, where the table has times: the mean of the texts
// after the middle of the customer's first and last time minus that of the others; NaN without texts on both
// sides. change: 1 - cosine of those two means.
void add_customer_vectors(const PreparedReader& prepared, const EmbeddingsReader& embeddings,
                          Customers& customers, const fs::path& scratch, Heartbeat& heartbeat,
                          int64_t most_bytes = customer_vector_bytes);

}  // namespace limner
