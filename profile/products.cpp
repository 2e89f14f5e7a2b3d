#include "profile/products.h"

#include <cblas.h>

namespace limner {
namespace {

// Threads are ours: a product on several would add in another order for another number of them.
void use_one_thread() {
  static const bool done = [] {
    openblas_set_num_threads(1);
    return true;
  }();
  static_cast<void>(done);
}

blasint size_of(int64_t count) { return static_cast<blasint>(count); }

}  // namespace

Matrix product_with_transposed(const Matrix& left, const Matrix& right) {
  use_one_thread();
  Matrix result(left.rows(), right.rows());
  if (result.size() == 0 || left.cols() == 0) {
    result.setZero();
    return result;
  }
  cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, size_of(left.rows()), size_of(right.rows()),
              size_of(left.cols()), 1.0, left.data(), size_of(left.cols()), right.data(),
              size_of(right.cols()), 0.0, result.data(), size_of(result.cols()));
  return result;
}

Matrix transposed_product(const Matrix& left, const Matrix& right) {
  use_one_thread();
  Matrix result(left.cols(), right.cols());
  if (result.size() == 0 || left.rows() == 0) {
    result.setZero();
    return result;
  }
  cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, size_of(left.cols()), size_of(right.cols()),
              size_of(left.rows()), 1.0, left.data(), size_of(left.cols()), right.data(),
              size_of(right.cols()), 0.0, result.data(), size_of(result.cols()));
  return result;
}

void add_gram(Matrix& sum, const Matrix& rows) {
  use_one_thread();
  if (rows.size() == 0) return;
  cblas_dsyrk(CblasRowMajor, CblasLower, CblasTrans, size_of(rows.cols()), size_of(rows.rows()), 1.0,
              rows.data(), size_of(rows.cols()), 1.0, sum.data(), size_of(sum.cols()));
}

void mirror_lower(Matrix& sum) {
  sum.triangularView<Eigen::StrictlyUpper>() = sum.transpose().triangularView<Eigen::StrictlyUpper>();
}

}  // namespace limner
