// For tests of whole training runs: stopping one, and comparing two.
#pragma once

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "model/safetensors.h"
#include "tests/train/synthetic_run.h"

namespace limner::testing {

// Says stop when asked for the n-th time by the training loop.
inline std::function<bool()> stop_at_step(const fs::path& train_folder, int64_t step) {
  return [train_folder, step, asked = int64_t{-1}]() mutable {
    if (!fs::exists(train_folder / "metrics.jsonl")) return false;  // still reading rows
    return ++asked == step;
  };
}

// Empty: the checkpoint has no such tensor.
inline std::vector<float> flat(const fs::path& checkpoint, const char* name) {
  const SafetensorsFile file(checkpoint / "limner_state" / "optimizer.safetensors");
  const TensorEntry* entry = file.find(name);
  if (entry == nullptr) return {};
  std::vector<float> values(static_cast<size_t>(entry->elements()));
  file.read(*entry, values);
  return values;
}

inline fs::path last_checkpoint(SyntheticRun& synthetic) {
  return synthetic.run().directory() / synthetic.summary()["last_checkpoint"].get<std::string>();
}

inline void expect_same_course(SyntheticRun& a, SyntheticRun& b) {
  EXPECT_FALSE(flat(last_checkpoint(a), "weights").empty());
  for (const char* name : {"weights", "first_moment", "second_moment", "weight_average"}) {
    EXPECT_EQ(flat(last_checkpoint(a), name), flat(last_checkpoint(b), name)) << name;
  }
  EXPECT_EQ(logged(a.run(), "train/loss"), logged(b.run(), "train/loss"));
  EXPECT_EQ(logged(a.run(), "validation/loss"), logged(b.run(), "validation/loss"));
  EXPECT_EQ(a.summary()["test"], b.summary()["test"]);
  EXPECT_EQ(a.summary()["best_step"], b.summary()["best_step"]);
}

}  // namespace limner::testing
