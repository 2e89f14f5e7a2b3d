#include "profile/principal.h"

#include <algorithm>

namespace limner {

PrincipalComponents principal_components(const Matrix& rows, int64_t keep) {
  PrincipalComponents result;
  result.mean = rows.colwise().mean();
  const Matrix centred = rows.rowwise() - result.mean;
  const double divisor = std::max<double>(1.0, static_cast<double>(rows.rows() - 1));
  // The smaller of the two Gram matrices has the same non-zero eigenvalues.
  const bool wide = rows.cols() > rows.rows();
  const Matrix gram =
      (wide ? Matrix(centred * centred.transpose()) : Matrix(centred.transpose() * centred)) / divisor;
  result.total_variance = gram.trace();
  const Eigen::SelfAdjointEigenSolver<Matrix> solver(gram);
  const Vector& values = solver.eigenvalues();  // rising

  const double floor = result.total_variance * 1e-10;
  int64_t kept = 0;
  while (kept < std::min<int64_t>(keep, values.size()) && values[values.size() - 1 - kept] > floor) ++kept;
  result.axes.resize(kept, rows.cols());
  result.variance.resize(kept);
  for (int64_t i = 0; i < kept; ++i) {
    const int64_t from = values.size() - 1 - i;
    result.variance[i] = values[from];
    Vector axis = solver.eigenvectors().col(from);
    if (wide) axis = (centred.transpose() * axis).normalized();
    int64_t largest = 0;
    axis.cwiseAbs().maxCoeff(&largest);
    result.axes.row(i) = axis * (axis[largest] < 0 ? -1.0 : 1.0);
  }
  result.scores = centred * result.axes.transpose();
  return result;
}

}  // namespace limner
