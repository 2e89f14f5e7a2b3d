// The learning rate over the steps, as the Hugging Face Trainer computes it.
#pragma once

#include <cstdint>

#include "runtime/settings.h"

namespace limner {

// Steps in which the learning rate rises: warmup_steps if set, else the ratio's share, rounded up.
int64_t warmup_step_count(const TrainSettings& settings, int64_t total_steps);

// Of the update after `step` updates were made (0 for the first, whose rate is 0 if there is a warm-up).
double learning_rate(const TrainSettings& settings, int64_t step, int64_t total_steps);

}  // namespace limner
