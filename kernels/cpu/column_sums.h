// Column sums over tokens: bias gradients.
#pragma once

#include "runtime/tensor.h"

namespace limner {

// sums[c] += sum over tokens first..first + count of x[token, column + c], for c in 0..columns; in order.
void add_column_sums(float* sums, const Tensor& x, int64_t column, int64_t columns, int64_t first,
                     int64_t count);

}  // namespace limner
