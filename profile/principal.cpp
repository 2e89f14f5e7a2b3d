#include "profile/principal.h"

#include <algorithm>

#include "profile/products.h"

namespace limner {
namespace {

// Eigenvectors as rows and eigenvalues of a symmetric matrix, falling; those without variance left out.
struct Axes {
  Matrix axes;
  Vector variance;
};

Axes leading_axes(const Matrix& gram, double floor, int64_t keep) {
  const Eigen::SelfAdjointEigenSolver<Matrix> solver(gram);
  const Vector& values = solver.eigenvalues();  // rising
  int64_t kept = 0;
  while (kept < std::min<int64_t>(keep, values.size()) && values[values.size() - 1 - kept] > floor) ++kept;
  Axes result{Matrix(kept, gram.rows()), Vector(kept)};
  for (int64_t i = 0; i < kept; ++i) {
    const int64_t from = values.size() - 1 - i;
    result.variance[i] = values[from];
    result.axes.row(i) = solver.eigenvectors().col(from);
  }
  return result;
}

}  // namespace

PrincipalComponents principal_components(const Rows& rows, int64_t keep, int threads) {
  PrincipalComponents result;
  const auto count = static_cast<double>(rows.count());
  const Eigen::RowVectorXd sum = sum_row_blocks(
      rows, Eigen::RowVectorXd(Eigen::RowVectorXd::Zero(rows.columns())), threads,
      [](Eigen::RowVectorXd& total, int64_t, const Matrix& block) { total += block.colwise().sum(); });
  result.mean = sum / count;
  const double divisor = std::max(1.0, count - 1);
  Axes found;
  // Below this a direction is rounding noise.
  const auto floor_of = [&](double variance) {
    return std::max(variance * 1e-10, result.mean.squaredNorm() * 1e-26);
  };
  // The smaller of the two Gram matrices has the same non-zero eigenvalues.
  if (rows.columns() > rows.count()) {
    const Matrix centred = all_rows(rows).rowwise() - result.mean;
    const Matrix gram = product_with_transposed(centred, centred) / divisor;
    result.total_variance = gram.trace();
    found = leading_axes(gram, floor_of(result.total_variance), keep);
    found.axes = Matrix(found.axes * centred).rowwise().normalized();
  } else {
    Matrix gram = sum_row_blocks(
        rows, Matrix(Matrix::Zero(rows.columns(), rows.columns())), threads,
        [&](Matrix& total, int64_t, const Matrix& block) { add_gram(total, block.rowwise() - result.mean); });
    mirror_lower(gram);
    gram /= divisor;
    result.total_variance = gram.trace();
    found = leading_axes(gram, floor_of(result.total_variance), keep);
  }
  for (int64_t i = 0; i < found.axes.rows(); ++i) {
    Eigen::Index largest = 0;
    found.axes.row(i).cwiseAbs().maxCoeff(&largest);
    if (found.axes(i, largest) < 0) found.axes.row(i) *= -1;
  }
  result.axes = std::move(found.axes);
  result.variance = std::move(found.variance);
  result.scores.resize(rows.count(), result.axes.rows());
  for_row_blocks(rows, threads, [&](int64_t first, const Matrix& block) {
    result.scores.middleRows(first, block.rows()) =
        product_with_transposed(block.rowwise() - result.mean, result.axes);
  });
  return result;
}

}  // namespace limner
