#include "profile/segments.h"

#include <algorithm>
#include <cmath>

#include "profile/silhouette.h"
#include "tests/profile/reference.h"

namespace limner {
namespace {

SegmentSettings settings_of(std::optional<int64_t> k, int64_t k_max = 10) {
  SegmentSettings settings;
  settings.k.value = k;
  settings.k_max = k_max;
  return settings;
}

std::vector<int32_t> expected_groups() { return reference().at("groups").get<std::vector<int32_t>>(); }

TEST(Silhouette, EqualsScikitLearn) {
  const Matrix points = matrix_of(reference().at("points"));
  const std::vector<int32_t> groups = expected_groups();
  for (const auto geometry : {Geometry::euclidean, Geometry::cosine}) {
    const bool cosine = geometry == Geometry::cosine;
    const Vector expected = vector_of(reference().at(cosine ? "silhouette_cosine" : "silhouette_euclidean"));
    const std::vector<double> values =
        Silhouette(cosine ? unit_rows(points) : points, geometry, 2).values(groups);
    for (int64_t i = 0; i < expected.size(); ++i) {
      EXPECT_NEAR(values[static_cast<size_t>(i)], expected[i], 2e-6) << "point " << i;
    }
  }
}

TEST(Silhouette, OfASingletonIsZero) {
  Matrix points(3, 1);
  points << 0, 1, 10;
  const std::vector<double> values =
      Silhouette(points, Geometry::euclidean, 1).values(std::vector<int32_t>{0, 0, 1});
  EXPECT_DOUBLE_EQ(values[2], 0);
  EXPECT_NEAR(values[0], (10 - 1) / 10.0, 1e-6);
  EXPECT_NEAR(values[1], (9 - 1) / 9.0, 1e-6);
}

TEST(KMeans, InertiaEqualsScikitLearn) {
  const Matrix points = matrix_of(reference().at("points"));
  for (const auto& [k, inertia] : reference().at("inertia").items()) {
    const Clusters clusters = k_means(points, Geometry::euclidean, std::stol(k), 100, 20, 17, 2);
    EXPECT_NEAR(clusters.inertia, inertia.get<double>(), 1e-6 * inertia.get<double>()) << k;
  }
}

TEST(Segments, FindsThreeGroupsByItself) {
  const Matrix points = matrix_of(reference().at("points"));
  const Segmentation result = find_segments(points, Geometry::euclidean, settings_of(std::nullopt), 17, 2);
  EXPECT_EQ(result.count(), 3);
  EXPECT_TRUE(result.k_chosen);
  EXPECT_EQ(result.tried.size(), 9u);
  EXPECT_EQ(result.sizes, (std::vector<int64_t>{25, 25, 25}));
  EXPECT_GT(result.silhouette, 0.5);
  for (size_t i = 0; i < 75; ++i) EXPECT_EQ(result.segment[i], result.segment[i / 25 * 25]);
  EXPECT_EQ(result.segment[0], 0);  // equal sizes: the earlier customer's segment first
}

TEST(Segments, CosineIgnoresLengths) {
  Matrix points = matrix_of(reference().at("points")).rowwise() + Eigen::RowVectorXd::Constant(5, 0.3);
  const Segmentation plain = find_segments(points, Geometry::cosine, settings_of(3), 17, 1);
  for (int64_t i = 0; i < points.rows(); ++i) points.row(i) *= 1 + 0.37 * static_cast<double>(i % 7);
  const Segmentation scaled = find_segments(points, Geometry::cosine, settings_of(3), 17, 1);
  EXPECT_EQ(plain.segment, scaled.segment);
  for (int64_t i = 0; i < 3; ++i) EXPECT_NEAR(scaled.centroids.row(i).norm(), 1, 1e-12);
  for (const double similarity : scaled.similarity) EXPECT_LE(similarity, 1 + 1e-12);
}

TEST(Segments, SizesFallAndEveryoneHasOne) {
  const Matrix points = random_matrix(203, 4, 3);
  const Segmentation result = find_segments(points, Geometry::euclidean, settings_of(7), 17, 2);
  EXPECT_TRUE(std::is_sorted(result.sizes.rbegin(), result.sizes.rend()));
  for (int32_t segment = 0; segment < 7; ++segment) {
    EXPECT_EQ(std::count(result.segment.begin(), result.segment.end(), segment),
              result.sizes[static_cast<size_t>(segment)]);
  }
  double inertia = 0;
  for (const double similarity : result.similarity) inertia += similarity * similarity;
  EXPECT_NEAR(inertia, result.inertia, 1e-3 * inertia);
}

TEST(Segments, SeedAndThreadsDecideNothingButTheSeed) {
  const Matrix points = random_matrix(300, 6, 4);
  const Segmentation one = find_segments(points, Geometry::cosine, settings_of(5), 17, 1);
  const Segmentation again = find_segments(points, Geometry::cosine, settings_of(5), 17, 4);
  EXPECT_EQ(one.segment, again.segment);
  EXPECT_EQ(one.silhouette, again.silhouette);
  const Segmentation other = find_segments(points, Geometry::cosine, settings_of(5), 18, 1);
  EXPECT_NE(one.segment, other.segment);  // noise has many local minima
}

TEST(Segments, ALoneOutlierIsNoSegment) {
  Matrix points = matrix_of(reference().at("points")).topRows(50);
  Matrix with_outlier(201, 5);
  for (int64_t i = 0; i < 200; ++i) {
    with_outlier.row(i) = points.row(i % 50) + 0.1 * random_matrix(1, 5, static_cast<uint64_t>(i)).row(0);
  }
  with_outlier.row(200).setConstant(1000);
  const Segmentation result =
      find_segments(with_outlier, Geometry::euclidean, settings_of(std::nullopt, 2), 17, 1);
  EXPECT_EQ(result.count(), 2);  // nothing better was allowed
  const Segmentation free =
      find_segments(with_outlier.topRows(200), Geometry::euclidean, settings_of(std::nullopt), 17, 1);
  EXPECT_EQ(free.sizes, (std::vector<int64_t>{100, 100}));
}

TEST(Segments, IdenticalVectorsAreOneSegment) {
  const Matrix points = Matrix::Ones(12, 3);
  for (const auto geometry : {Geometry::euclidean, Geometry::cosine}) {
    const Segmentation result = find_segments(points, geometry, settings_of(std::nullopt), 17, 1);
    EXPECT_EQ(result.count(), 1);
    EXPECT_TRUE(std::isnan(result.silhouette));
    EXPECT_EQ(find_segments(points, geometry, settings_of(4), 17, 1).count(), 1);
  }
  EXPECT_EQ(find_segments(Matrix::Zero(5, 3), Geometry::cosine, settings_of(std::nullopt), 17, 1).count(), 1);
}

TEST(Segments, TwoCustomers) {
  const Segmentation result =
      find_segments(random_matrix(2, 3, 1), Geometry::cosine, settings_of(std::nullopt), 17, 1);
  EXPECT_EQ(result.count(), 1);  // 2 segments of 2 customers say nothing
  EXPECT_EQ(find_segments(random_matrix(2, 3, 1), Geometry::cosine, settings_of(2), 17, 1).count(), 2);
}

TEST(Segments, MoreSegmentsThanCustomersAreRefused) {
  const auto [code, message] =
      error_of([] { find_segments(random_matrix(3, 2, 1), Geometry::cosine, settings_of(4), 17, 1); });
  EXPECT_EQ(code, ExitCode::bad_config);
  EXPECT_NE(message.find("4 segments of 3 customers"), std::string::npos) << message;
}

TEST(Segments, SampledSilhouetteOfManyCustomers) {
  Matrix points = random_matrix(2500, 2, 9) * 0.2;
  for (int64_t i = 0; i < points.rows(); ++i) points(i, 0) += static_cast<double>(i % 3) * 4;
  const Segmentation result = find_segments(points, Geometry::euclidean, settings_of(std::nullopt, 5), 17, 2);
  EXPECT_EQ(result.count(), 3);
  EXPECT_EQ(result.silhouette_customers, 2000);
}

}  // namespace
}  // namespace limner
