// When is a result close enough? One rule: the rounding of the result's type, plus what f32 sums of a given
// length lose; as a share of the largest expected magnitude.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "runtime/tensor.h"

namespace limner::test {

inline double tolerance(DType dtype, int64_t reduction_length) {
  const double rounding = dtype == DType::bf16 ? std::ldexp(1.0, -8) : std::ldexp(1.0, -21);
  return rounding + std::ldexp(1.0, -22) * std::sqrt(static_cast<double>(reduction_length));
}

inline double largest(const std::vector<double>& values) {
  double most = 0.0;
  for (const double value : values) most = std::max(most, std::abs(value));
  return most;
}

inline double largest_error(const std::vector<double>& actual, const std::vector<double>& expected) {
  double most = 0.0;
  for (size_t i = 0; i < expected.size(); ++i) {
    const double error = std::abs(actual[i] - expected[i]);
    if (!(error <= most)) most = error;  // NaN is an error
  }
  return most;
}

inline void expect_close(const std::vector<double>& actual, const std::vector<double>& expected, double share,
                         const char* what) {
  ASSERT_EQ(actual.size(), expected.size()) << what;
  const double allowed = share * std::max(largest(expected), 1e-10);
  for (size_t i = 0; i < expected.size(); ++i) {
    ASSERT_LE(std::abs(actual[i] - expected[i]), allowed)
        << what << "[" << i << "] is " << actual[i] << ", expected " << expected[i];
  }
}

}  // namespace limner::test
