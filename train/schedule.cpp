#include "train/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "runtime/error.h"

namespace limner {

int64_t warmup_step_count(const TrainSettings& settings, int64_t total_steps) {
  if (settings.warmup_steps > 0) return settings.warmup_steps;
  return static_cast<int64_t>(std::ceil(static_cast<double>(total_steps) * settings.warmup_ratio));
}

double learning_rate(const TrainSettings& settings, int64_t step, int64_t total_steps) {
  const int64_t warmup = warmup_step_count(settings, total_steps);
  if (step < warmup) return settings.learning_rate * static_cast<double>(step) / static_cast<double>(warmup);
  const double after_warmup = static_cast<double>(std::max<int64_t>(1, total_steps - warmup));
  const double progress = static_cast<double>(step - warmup) / after_warmup;
  if (settings.lr_scheduler_type == "constant") return settings.learning_rate;
  if (settings.lr_scheduler_type == "linear") return settings.learning_rate * std::max(0.0, 1.0 - progress);
  if (settings.lr_scheduler_type == "cosine") {
    return settings.learning_rate * std::max(0.0, 0.5 * (1.0 + std::cos(std::numbers::pi * progress)));
  }
  fail(ExitCode::bad_config, "train.lr_scheduler_type: no schedule '{}'", settings.lr_scheduler_type);
}

}  // namespace limner
