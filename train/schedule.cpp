#include "train/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "runtime/error.h"

namespace limner {
namespace {

// Where the rate stands between its end (0) and its highest (1), `step` steps after the warm-up.
double height(const TrainSettings& settings, int64_t step, int64_t steps) {
  const double total = static_cast<double>(std::max<int64_t>(1, steps));
  const double left = std::max(0.0, 1.0 - static_cast<double>(step) / total);
  const std::string& type = settings.lr_scheduler_type;
  if (type == "constant") return 1.0;
  if (type == "linear") return left;
  if (type == "cosine") return 0.5 * (1.0 - std::cos(std::numbers::pi * left));
  if (type == "polynomial") return std::pow(left, settings.lr_power);
  if (type == "warmup_stable_decay") {
    return settings.decay_ratio > 0.0 ? std::min(1.0, left / settings.decay_ratio) : 1.0;
  }
  fail(ExitCode::bad_config, "train.lr_scheduler_type: no schedule '{}'", type);
}

}  // namespace

int64_t warmup_step_count(const TrainSettings& settings, int64_t total_steps) {
  if (settings.warmup_steps > 0) return settings.warmup_steps;
  return static_cast<int64_t>(std::ceil(static_cast<double>(total_steps) * settings.warmup_ratio));
}

double learning_rate(const TrainSettings& settings, int64_t step, int64_t total_steps) {
  const int64_t warmup = warmup_step_count(settings, total_steps);
  if (step < warmup) return settings.learning_rate * static_cast<double>(step) / static_cast<double>(warmup);
  const double end = settings.lr_end_ratio;
  return settings.learning_rate * (end + (1.0 - end) * height(settings, step - warmup, total_steps - warmup));
}

}  // namespace limner
