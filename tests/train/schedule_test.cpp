#include "train/schedule.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

namespace limner {
namespace {

TrainSettings with(const std::string& type, double warmup_ratio, int64_t warmup_steps = 0) {
  TrainSettings settings;
  settings.learning_rate = 0.5;
  settings.lr_scheduler_type = type;
  settings.warmup_ratio = warmup_ratio;
  settings.warmup_steps = warmup_steps;
  return settings;
}

TEST(Schedule, WarmupIsRoundedUpAndStepsGoFirst) {
  EXPECT_EQ(warmup_step_count(with("linear", 0.06), 100), 6);
  EXPECT_EQ(warmup_step_count(with("linear", 0.06), 101), 7);
  EXPECT_EQ(warmup_step_count(with("linear", 0.06, 3), 101), 3);
  EXPECT_EQ(warmup_step_count(with("linear", 0.0), 101), 0);
}

TEST(Schedule, Linear) {
  const TrainSettings settings = with("linear", 0.1);  // 10 of 100 steps
  EXPECT_EQ(learning_rate(settings, 0, 100), 0.0);
  EXPECT_DOUBLE_EQ(learning_rate(settings, 5, 100), 0.25);
  EXPECT_DOUBLE_EQ(learning_rate(settings, 10, 100), 0.5);
  EXPECT_DOUBLE_EQ(learning_rate(settings, 55, 100), 0.25);
  EXPECT_NEAR(learning_rate(settings, 99, 100), 0.5 / 90, 1e-15);
  EXPECT_EQ(learning_rate(settings, 120, 100), 0.0);
}

TEST(Schedule, PolynomialFallsByItsPower) {
  TrainSettings settings = with("polynomial", 0.1);
  settings.lr_power = 2.0;
  EXPECT_DOUBLE_EQ(learning_rate(settings, 10, 100), 0.5);
  EXPECT_DOUBLE_EQ(learning_rate(settings, 55, 100), 0.5 * 0.25);
  EXPECT_EQ(learning_rate(settings, 100, 100), 0.0);
}

TEST(Schedule, WarmupStableDecayHoldsThenFalls) {
  TrainSettings settings = with("warmup_stable_decay", 0.1);
  settings.decay_ratio = 0.2;  // of the 90 steps after the warm-up
  for (const int64_t step : {10, 40, 82}) EXPECT_DOUBLE_EQ(learning_rate(settings, step, 100), 0.5);
  EXPECT_NEAR(learning_rate(settings, 91, 100), 0.25, 1e-15);
  EXPECT_EQ(learning_rate(settings, 100, 100), 0.0);
  settings.decay_ratio = 0.0;
  EXPECT_DOUBLE_EQ(learning_rate(settings, 99, 100), 0.5);
}

TEST(Schedule, EverySchedulesEndCanBeRaised) {
  for (const char* type : {"linear", "cosine", "polynomial", "warmup_stable_decay"}) {
    TrainSettings settings = with(type, 0.1);
    settings.lr_end_ratio = 0.2;
    EXPECT_DOUBLE_EQ(learning_rate(settings, 10, 100), 0.5) << type;
    EXPECT_NEAR(learning_rate(settings, 100, 100), 0.1, 1e-15) << type;
  }
}

TEST(Schedule, Cosine) {
  const TrainSettings settings = with("cosine", 0.0, 20);
  for (int64_t step = 20; step < 100; step += 7) {
    const double progress = static_cast<double>(step - 20) / 80.0;
    EXPECT_DOUBLE_EQ(learning_rate(settings, step, 100),
                     0.25 * (1.0 + std::cos(std::numbers::pi * progress)));
  }
  EXPECT_DOUBLE_EQ(learning_rate(settings, 10, 100), 0.25);
}

TEST(Schedule, ConstantAfterWarmup) {
  const TrainSettings settings = with("constant", 0.0, 4);
  EXPECT_DOUBLE_EQ(learning_rate(settings, 1, 100), 0.125);
  EXPECT_DOUBLE_EQ(learning_rate(settings, 4, 100), 0.5);
  EXPECT_DOUBLE_EQ(learning_rate(settings, 99, 100), 0.5);
}

// More warm-up than steps: the rate rises to the end.
TEST(Schedule, WarmupBeyondTheEnd) {
  EXPECT_DOUBLE_EQ(learning_rate(with("linear", 0.0, 200), 99, 100), 0.5 * 99 / 200);
}

}  // namespace
}  // namespace limner
