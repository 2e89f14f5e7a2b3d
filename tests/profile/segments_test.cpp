#include "profile/segments.h"

#include <algorithm>
#include <cmath>

#include "profile/k_means.h"
#include "profile/silhouette.h"
#include "tests/profile/reference.h"
#include "tests/runtime/temporary_folder.h"

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
    const Clusters clusters = k_means(MatrixRows(points), Geometry::euclidean, std::stol(k), 100, 20, 17, 2);
    EXPECT_NEAR(clusters.inertia, inertia.get<double>(), 1e-6 * inertia.get<double>()) << k;
  }
}

TEST(Segments, FindsThreeGroupsByItself) {
  const Matrix points = matrix_of(reference().at("points"));
  const Segmentation result =
      find_segments(MatrixRows(points), Geometry::euclidean, settings_of(std::nullopt), 17, 2);
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
  const Segmentation plain = find_segments(MatrixRows(points), Geometry::cosine, settings_of(3), 17, 1);
  for (int64_t i = 0; i < points.rows(); ++i) points.row(i) *= 1 + 0.37 * static_cast<double>(i % 7);
  const Segmentation scaled = find_segments(MatrixRows(points), Geometry::cosine, settings_of(3), 17, 1);
  EXPECT_EQ(plain.segment, scaled.segment);
  for (int64_t i = 0; i < 3; ++i) EXPECT_NEAR(scaled.centroids.row(i).norm(), 1, 1e-12);
  for (const double similarity : scaled.similarity) EXPECT_LE(similarity, 1 + 1e-12);
}

TEST(Segments, SizesFallAndEveryoneHasOne) {
  const Matrix points = random_matrix(203, 4, 3);
  const Segmentation result = find_segments(MatrixRows(points), Geometry::euclidean, settings_of(7), 17, 2);
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
  const Segmentation one = find_segments(MatrixRows(points), Geometry::cosine, settings_of(5), 17, 1);
  const Segmentation again = find_segments(MatrixRows(points), Geometry::cosine, settings_of(5), 17, 4);
  EXPECT_EQ(one.segment, again.segment);
  EXPECT_EQ(one.silhouette, again.silhouette);
  const Segmentation other = find_segments(MatrixRows(points), Geometry::cosine, settings_of(5), 18, 1);
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
      find_segments(MatrixRows(with_outlier), Geometry::euclidean, settings_of(std::nullopt, 2), 17, 1);
  EXPECT_EQ(result.count(), 2);  // nothing better was allowed
  const Segmentation free = find_segments(MatrixRows(with_outlier.topRows(200)), Geometry::euclidean,
                                          settings_of(std::nullopt), 17, 1);
  EXPECT_EQ(free.sizes, (std::vector<int64_t>{100, 100}));
}

TEST(Segments, IdenticalVectorsAreOneSegment) {
  const Matrix points = Matrix::Ones(12, 3);
  for (const auto geometry : {Geometry::euclidean, Geometry::cosine}) {
    const Segmentation result = find_segments(MatrixRows(points), geometry, settings_of(std::nullopt), 17, 1);
    EXPECT_EQ(result.count(), 1);
    EXPECT_TRUE(std::isnan(result.silhouette));
    EXPECT_EQ(find_segments(MatrixRows(points), geometry, settings_of(4), 17, 1).count(), 1);
  }
  EXPECT_EQ(find_segments(MatrixRows(Matrix::Zero(5, 3)), Geometry::cosine, settings_of(std::nullopt), 17, 1)
                .count(),
            1);
}

TEST(Segments, TwoCustomers) {
  const Segmentation result =
      find_segments(MatrixRows(random_matrix(2, 3, 1)), Geometry::cosine, settings_of(std::nullopt), 17, 1);
  EXPECT_EQ(result.count(), 1);  // 2 segments of 2 customers say nothing
  EXPECT_EQ(
      find_segments(MatrixRows(random_matrix(2, 3, 1)), Geometry::cosine, settings_of(2), 17, 1).count(), 2);
}

TEST(Segments, MoreSegmentsThanCustomersAreRefused) {
  const auto [code, message] = error_of(
      [] { find_segments(MatrixRows(random_matrix(3, 2, 1)), Geometry::cosine, settings_of(4), 17, 1); });
  EXPECT_EQ(code, ExitCode::bad_config);
  EXPECT_NE(message.find("4 segments of 3 customers"), std::string::npos) << message;
}

TEST(Segments, SampledSilhouetteOfManyCustomers) {
  Matrix points = random_matrix(2500, 2, 9) * 0.2;
  for (int64_t i = 0; i < points.rows(); ++i) points(i, 0) += static_cast<double>(i % 3) * 4;
  const Segmentation result =
      find_segments(MatrixRows(points), Geometry::euclidean, settings_of(std::nullopt, 5), 17, 2);
  EXPECT_EQ(result.count(), 3);
  EXPECT_EQ(result.silhouette_customers, 2000);
}

TEST(Elbow, WhereTheCurveBendsMost) {
  EXPECT_EQ(elbow_of({100, 20, 15, 12, 10}), 1u);
  EXPECT_EQ(elbow_of({100, 80, 10, 8, 6, 4}), 2u);
  EXPECT_EQ(elbow_of({4, 3, 2, 1}), 0u);  // a straight line has none
  EXPECT_EQ(elbow_of({3, 3, 3}), 0u);
  EXPECT_EQ(elbow_of({3, 1}), 0u);
}

TEST(Segments, TheElbowFindsThreeGroups) {
  const Matrix points = matrix_of(reference().at("points"));
  SegmentSettings settings = settings_of(std::nullopt, 6);
  settings.choose = "elbow";
  const Segmentation result = find_segments(MatrixRows(points), Geometry::euclidean, settings, 17, 2);
  EXPECT_EQ(result.count(), 3);
  EXPECT_TRUE(result.k_of_elbow);
  EXPECT_FALSE(result.k_chosen);
  ASSERT_EQ(result.tried.size(), 6u);
  EXPECT_EQ(result.tried[0].first, 1);
  EXPECT_TRUE(std::isnan(result.tried[0].second));
  EXPECT_EQ(result.tried_inertia.size(), 6u);
  EXPECT_TRUE(std::is_sorted(result.tried_inertia.rbegin(), result.tried_inertia.rend()));
  EXPECT_EQ(find_segments(MatrixRows(Matrix::Ones(9, 2)), Geometry::euclidean, settings, 17, 1).count(), 1);
}

// More customers than choose: the rounds over all of them end where every centroid is the mean of its own.
TEST(Segments, ManyCustomersFromASample) {
  Matrix points = random_matrix(21000, 3, 9) * 0.3;
  for (int64_t i = 0; i < points.rows(); ++i) points(i, 0) += static_cast<double>(i % 3) * 4;
  const TemporaryFolder folder;
  VectorFile file(folder.path(), 3);
  file.append(Matrix(points.topRows(10000)));
  file.append(Matrix(points.bottomRows(11000)));
  const Segmentation result = find_segments(file, Geometry::euclidean, settings_of(std::nullopt, 5), 17, 2);
  EXPECT_EQ(result.chosen_on_customers, 20000);
  ASSERT_EQ(result.count(), 3);
  EXPECT_EQ(result.sizes, (std::vector<int64_t>{7000, 7000, 7000}));
  for (int32_t segment = 0; segment < 3; ++segment) {
    Eigen::RowVectorXd sum = Eigen::RowVectorXd::Zero(3);
    for (size_t i = 0; i < result.segment.size(); ++i) {
      if (result.segment[i] == segment) sum += file.block(static_cast<int64_t>(i), 1);
    }
    EXPECT_LT((sum / 7000 - result.centroids.row(segment)).norm(), 1e-9);
  }
  const Segmentation again = find_segments(file, Geometry::euclidean, settings_of(std::nullopt, 5), 17, 1);
  EXPECT_EQ(again.centroids, result.centroids);  // to the last bit, for any number of threads
  EXPECT_EQ(again.similarity, result.similarity);
}

TEST(VectorFile, GivesBackItsRows) {
  const TemporaryFolder folder;
  VectorFile file(folder.path(), 2);
  EXPECT_EQ(file.count(), 0);
  file.append(std::vector<float>{1, 2, 3, 4});
  file.append(std::vector<float>{5, 6});
  EXPECT_EQ(file.block(1, 2), (Matrix(2, 2) << 3, 4, 5, 6).finished());
  EXPECT_EQ(gather_rows(file, {2, 0}), (Matrix(2, 2) << 5, 6, 1, 2).finished());
  EXPECT_EQ(file.block(3, 0).rows(), 0);
  EXPECT_EQ(error_of([&] { file.block(2, 2); }).first, ExitCode::internal);
  EXPECT_EQ(error_of([&] { file.append(std::vector<float>{1}); }).first, ExitCode::internal);
  EXPECT_EQ(error_of([] { VectorFile("/nowhere", 2); }).first, ExitCode::io);
}

}  // namespace
}  // namespace limner
