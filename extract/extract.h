// Vectors and every head's predictions of all prepared rows, into embeddings/.
#pragma once

#include "runtime/run.h"

namespace limner {

// Row ranges are handed to ranks as they ask; ranges whose shard is whole are not done again.
void extract(const Run& run);

struct ExtractForecast {
  int64_t rows, tokens, bytes_per_rank, disk_bytes;
};
ExtractForecast forecast_extract(const Run& run);

}  // namespace limner
