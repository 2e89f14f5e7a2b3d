#include "profile/products.h"

#include <cblas.h>

#include <mutex>

namespace limner {
namespace {

// Threads are ours: a product on several would add in another order for another number of them. OpenBLAS that
// was built for one thread (Debian's libopenblas0-serial, whichever the system prefers) shares its buffers
// between callers without a lock and gives wrong numbers to two of them at once: there we take turns.
class Turn {
 public:
  Turn() {
    static const bool sequential = [] {
      openblas_set_num_threads(1);
      return openblas_get_parallel() == OPENBLAS_SEQUENTIAL;
    }();
    static std::mutex mutex;
    if (sequential) lock_ = std::unique_lock(mutex);
  }

 private:
  std::unique_lock<std::mutex> lock_;
};

blasint size_of(int64_t count) { return static_cast<blasint>(count); }

}  // namespace

Matrix product_with_transposed(const Matrix& left, const Matrix& right) {
  const Turn turn;
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
  const Turn turn;
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
  const Turn turn;
  if (rows.size() == 0) return;
  cblas_dsyrk(CblasRowMajor, CblasLower, CblasTrans, size_of(rows.cols()), size_of(rows.rows()), 1.0,
              rows.data(), size_of(rows.cols()), 1.0, sum.data(), size_of(sum.cols()));
}

void mirror_lower(Matrix& sum) {
  sum.triangularView<Eigen::StrictlyUpper>() = sum.transpose().triangularView<Eigen::StrictlyUpper>();
}

}  // namespace limner
