// Numbers over time: JSON lines (metrics.jsonl) and TensorBoard event files (events.out.tfevents.*), the same
// values in both.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace limner {

class MetricsWriter {
 public:
  // Writes into `folder`; append continues metrics.jsonl, dropping lines at or after `first_step` (a resumed
  // run).
  MetricsWriter(const std::filesystem::path& folder, bool append, int64_t first_step = 0);
  ~MetricsWriter();
  // One record: {"step": s, "time": unix seconds, "<tag>": value, …}. Tags are "train/loss",
  // "validation/sentiment/accuracy", ….
  void write(int64_t step, const std::vector<std::pair<std::string, double>>& values);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace limner
