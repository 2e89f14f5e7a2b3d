// Vectors and every head's predictions of all prepared rows, into embeddings/.
#pragma once

#include "runtime/run.h"

namespace limner {

// Row ranges are handed to ranks as they ask; ranges whose shard is whole are not done again. Shards of
// another model, input or setting are replaced. A signal stops all ranks at their next batch; the shards
// written so far stay (interrupted). With extract.parts above 1 this call does its own part of the ranges,
// and publishes if all the others stand. Errors: no prepared rows or checkpoint, weights that are not whole,
// vectors that are not finite.
void extract(const Run& run);

struct ExtractForecast {
  int64_t rows, tokens, bytes_per_rank, disk_bytes;
  int64_t customers, width, classes;  // width of a vector; classes of all heads together
};
ExtractForecast forecast_extract(const Run& run);

}  // namespace limner
