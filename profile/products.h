// Products of matrices in double, by OpenBLAS on the calling thread alone: the only part that knows that
// library. Callers cut their rows into fixed blocks, so that neither threads nor ranks change a result.
#pragma once

#include "profile/matrix.h"

namespace limner {

// left [rows, depth] times right' [columns, depth] -> [rows, columns].
Matrix product_with_transposed(const Matrix& left, const Matrix& right);

// left' [columns, rows] times right [rows, depth] -> [columns, depth].
Matrix transposed_product(const Matrix& left, const Matrix& right);

// The lower triangle of sum [columns, columns] += rows' rows.
void add_gram(Matrix& sum, const Matrix& rows);
// The lower triangle copied to the upper one.
void mirror_lower(Matrix& sum);

}  // namespace limner
