// The customers whose texts are most alike: exact search by cosine of the mean vectors.
#pragma once

#include <cstdint>
#include <vector>

#include "profile/matrix.h"
#include "runtime/communicator.h"

namespace limner {

struct Neighbors {
  int64_t per_customer = 0;
  std::vector<int32_t> customer;  // customers x per_customer, the most similar first; ties: the earlier one
  std::vector<float> similarity;  // cosine
};

// A collective; vectors are read on rank 0, where the result is. At most `most` a customer, never itself.
Neighbors nearest_customers(const Matrix& vectors, int64_t most, const Communicator& communicator,
                            int threads);

// Nearest other rows of rows [first, first + count), on plain memory. unit: rows of length 1.
using FloatMatrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
Neighbors nearest_rows(const FloatMatrix& unit, int64_t first, int64_t count, int64_t most, int threads);

}  // namespace limner
