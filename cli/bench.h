// What the benchmarks of `limner bench` share.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace limner {

class BenchOptions {
 public:
  std::map<std::string, std::string> values;  // KEY=VALUE of the command line
  std::string text(const std::string& key, const std::string& fallback) const;
  int64_t number(const std::string& key, int64_t fallback) const;  // not above 0: usage
};

int64_t peak_memory_bytes();  // of this process so far

// vectors=FILE.h5 with /vectors float32 [customers, width], /target and /label float64 [customers]. One JSON
// line a task of tasks=k_means,ridge,logistic: seconds, memory and the answer.
void bench_customers(const BenchOptions& options);

}  // namespace limner
