// Fine-tunes on the prepared training rows; writes train/ and checkpoints/.
#pragma once

#include "runtime/run.h"

namespace limner {

// Goes on from the newest whole checkpoint of this run, if there is one with the same settings.
void train(const Run& run);

// What `limner check` prints before a run; reads the prepared rows or the head of the raw table.
struct TrainForecast {
  int64_t parameters, steps, tokens_per_epoch, rows, truncated_rows, bytes_per_rank, checkpoint_bytes;
};
TrainForecast forecast_train(const Run& run);

}  // namespace limner
