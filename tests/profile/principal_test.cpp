#include "profile/principal.h"

#include "tests/profile/reference.h"

namespace limner {
namespace {

TEST(PrincipalComponents, FindTheLongAxis) {
  Matrix rows(4, 2);
  rows << 3, 3, -3, -3, 1, -1, -1, 1;
  const PrincipalComponents result = principal_components(MatrixRows(rows), 5, 1);
  ASSERT_EQ(result.scores.cols(), 2);
  EXPECT_NEAR(result.variance[0], 36.0 / 3, 1e-12);
  EXPECT_NEAR(result.variance[1], 4.0 / 3, 1e-12);
  EXPECT_NEAR(result.total_variance, 40.0 / 3, 1e-12);
  EXPECT_NEAR(result.axes(0, 0), std::sqrt(0.5), 1e-12);
  EXPECT_NEAR(result.axes(0, 1), std::sqrt(0.5), 1e-12);
}

TEST(PrincipalComponents, TallAndWideAgree) {
  for (const auto& [rows, columns] : {std::pair{40, 7}, std::pair{7, 40}}) {
    const Matrix data = random_matrix(rows, columns, 3);
    const PrincipalComponents result = principal_components(MatrixRows(data), 100, 1);
    EXPECT_EQ(result.scores.cols(), rows > columns ? 7 : 6);  // 7 centred rows span 6 directions
    const Matrix centred = data.rowwise() - data.colwise().mean();
    EXPECT_NEAR((result.scores * result.axes - centred).norm(), 0, 1e-9);
    EXPECT_NEAR(result.variance.sum(), result.total_variance, 1e-9);
    const Matrix product = result.axes * result.axes.transpose();
    EXPECT_NEAR((product - Matrix::Identity(product.rows(), product.cols())).norm(), 0, 1e-9);
  }
}

TEST(PrincipalComponents, IdenticalRowsHaveNone) {
  EXPECT_EQ(principal_components(MatrixRows(Matrix::Constant(5, 3, 0.1)), 2, 1).scores.cols(), 0);
}

}  // namespace
}  // namespace limner
