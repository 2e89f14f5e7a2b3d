// Progress of long work: a bar with rate and time left on a terminal (rank 0, TERM not dumb), else a plain
// line every few seconds. NO_COLOR is honoured.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace limner {

class Progress {
 public:
  // total 0: unknown. shown: false on ranks other than 0.
  Progress(std::string title, int64_t total, std::string unit, bool shown);
  ~Progress();  // ends the line
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  void update(int64_t done, const std::string& note = {});  // cheap: draws at most ten times a second

 private:
  using Clock = std::chrono::steady_clock;
  std::string title_, unit_;
  int64_t total_, done_ = 0;
  bool shown_, terminal_, color_;
  Clock::time_point started_, drawn_;
  std::string note_;
  void draw(bool last);
};

}  // namespace limner
