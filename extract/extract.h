// Vectors and every head's predictions of all prepared rows, into embeddings/.
#pragma once

#include "runtime/run.h"

namespace limner {

// Row ranges are handed to ranks as they ask; ranges whose shard is whole are not done again. Shards of
// another model, input or setting are replaced. A signal stops the handing out, and what is begun is still
// written (interrupted). Errors: no prepared rows or checkpoint, weights that are not whole, vectors that are
// not finite.
void extract(const Run& run);

struct ExtractForecast {
  int64_t rows, tokens, bytes_per_rank, disk_bytes;
};
ExtractForecast forecast_extract(const Run& run);

}  // namespace limner
