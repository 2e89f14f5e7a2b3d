#include "profile/map.h"

#include <cmath>

#include "profile/neighbors.h"
#include "profile/principal.h"
#include "tests/profile/reference.h"

namespace limner {
namespace {

Matrix three_groups(int64_t customers) {
  Matrix points = random_matrix(customers, 8, 2);
  for (int64_t i = 0; i < customers; ++i) points(i, i % 3) += 12;
  return points;
}

TEST(Map, KeepsGroupsTogether) {
  const Matrix points = three_groups(150);
  const CustomerMap map = map_customers(principal_components(MatrixRows(points), 50, 1).scores, 2);
  EXPECT_EQ(map.method, "t-SNE");
  int64_t own = 0;
  for (int64_t i = 0; i < 150; ++i) {
    int64_t nearest = i == 0 ? 1 : 0;
    for (int64_t j = 0; j < 150; ++j) {
      if (j == i) continue;
      const auto distance = [&](int64_t k) { return (map.places.row(k) - map.places.row(i)).squaredNorm(); };
      if (distance(j) < distance(nearest)) nearest = j;
    }
    own += nearest % 3 == i % 3 ? 1 : 0;
  }
  EXPECT_EQ(own, 150);
  EXPECT_NEAR(map.places.cwiseAbs().maxCoeff(), 1, 1e-6);
}

TEST(Map, IsTheSameForAnyThreads) {
  const Matrix components = principal_components(MatrixRows(three_groups(101)), 50, 1).scores;
  EXPECT_EQ(map_customers(components, 1).places, map_customers(components, 3).places);
}

TEST(Map, FewOrIdenticalCustomers) {
  const CustomerMap few =
      map_customers(principal_components(MatrixRows(random_matrix(5, 4, 1)), 50, 1).scores, 1);
  EXPECT_EQ(few.method, "principal components");
  EXPECT_NEAR(few.places.cwiseAbs().maxCoeff(), 1, 1e-9);
  const CustomerMap same =
      map_customers(principal_components(MatrixRows(Matrix::Ones(40, 4)), 50, 1).scores, 1);
  EXPECT_EQ(same.places, Matrix::Zero(40, 2));
  Matrix duplicates = random_matrix(40, 3, 1);
  for (int64_t i = 10; i < 40; ++i) duplicates.row(i) = duplicates.row(0);
  EXPECT_TRUE(
      map_customers(principal_components(MatrixRows(duplicates), 50, 1).scores, 1).places.allFinite());
  Matrix line = Matrix::Zero(30, 1);
  for (int64_t i = 0; i < 30; ++i) line(i, 0) = static_cast<double>(i);
  EXPECT_TRUE(map_customers(principal_components(MatrixRows(line), 50, 1).scores, 1).places.allFinite());
}

TEST(Affinities, HaveThePerplexity) {
  const Matrix points = random_matrix(90, 4, 3);
  const Affinities result = affinities(points, 10, 2);
  double total = 0;
  for (const float weight : result.weight) total += weight;
  EXPECT_NEAR(total, 1, 1e-5);
  for (size_t i = 0; i < 90; ++i) {
    for (int64_t entry = result.starts[i]; entry < result.starts[i + 1]; ++entry) {
      EXPECT_NE(static_cast<size_t>(result.other[static_cast<size_t>(entry)]), i);
    }
  }
}

TEST(Neighbors, AreTheNearestByCosine) {
  const Matrix points = random_matrix(67, 5, 8);
  const FloatMatrix unit = unit_rows(points).cast<float>();
  const Neighbors result = nearest_rows(unit, 3, 64, 4, 2);
  ASSERT_EQ(result.customer.size(), 64u * 4);
  for (int64_t row = 0; row < 64; ++row) {
    std::vector<std::pair<float, int32_t>> order;
    for (int32_t other = 0; other < 67; ++other) {
      if (other != row + 3) order.emplace_back(-unit.row(row + 3).dot(unit.row(other)), other);
    }
    std::sort(order.begin(), order.end());
    for (size_t place = 0; place < 4; ++place) {
      const size_t at = static_cast<size_t>(row) * 4 + place;
      EXPECT_NEAR(result.similarity[at], -order[place].first, 1e-6);
      EXPECT_NE(result.customer[at], row + 3);
    }
  }
}

TEST(Neighbors, AreAtMostTheOthers) {
  const FloatMatrix unit = FloatMatrix::Ones(3, 1);
  const Neighbors result = nearest_rows(unit, 0, 3, 10, 1);
  EXPECT_EQ(result.per_customer, 2);
  EXPECT_EQ(result.customer, (std::vector<int32_t>{1, 2, 0, 2, 0, 1}));
  EXPECT_EQ(nearest_rows(unit, 0, 3, 0, 1).customer.size(), 0u);
}

}  // namespace
}  // namespace limner
