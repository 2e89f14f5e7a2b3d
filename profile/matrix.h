// Matrices of the profile stage: one customer a row.
#pragma once

#include <Eigen/Dense>

#include <cstdint>

namespace limner {

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Vector = Eigen::VectorXd;

// Vectors that were normalised row by row are compared by their direction, others by their distance.
enum class Geometry : uint8_t { euclidean, cosine };

// Rows scaled to length 1; a row of zeros stays.
Matrix unit_rows(const Matrix& rows);

}  // namespace limner
