#include "profile/k_means.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "profile/products.h"
#include "runtime/random.h"

namespace limner {
namespace {

// Of a block to every centroid, |c|^2 - 2 x c: squared distances but for |x|^2.
Matrix relative_distances(const Matrix& block, const Matrix& centroids, const Vector& centroid_squares) {
  Matrix relative = product_with_transposed(block, centroids) * -2.0;
  relative.rowwise() += centroid_squares.transpose();
  return relative;
}

// Not below 0.
Matrix squared_distances(const Matrix& block, const Matrix& centroids, const Vector& centroid_squares) {
  Matrix squared = relative_distances(block, centroids, centroid_squares);
  const Vector squares = block.rowwise().squaredNorm();
  squared.colwise() += squares;
  return squared.cwiseMax(0.0);
}

// What one pass over the points gives.
struct Pass {
  std::vector<int32_t> cluster;
  std::vector<double> squared;  // to the nearest centroid
  Matrix sums;                  // of the points of each cluster
  std::vector<int64_t> counts;
  double inertia = 0;
};

struct PassSums {
  Matrix sums;
  std::vector<int64_t> counts;
  double inertia = 0;
  PassSums& operator+=(const PassSums& other) {
    sums += other.sums;
    for (size_t i = 0; i < counts.size(); ++i) counts[i] += other.counts[i];
    inertia += other.inertia;
    return *this;
  }
};

Pass assign(const Rows& points, const Matrix& centroids, int threads) {
  const auto size = static_cast<size_t>(points.count());
  Pass pass{std::vector<int32_t>(size), std::vector<double>(size), {}, {}, 0};
  const Vector centroid_squares = centroids.rowwise().squaredNorm();
  const PassSums zero{Matrix::Zero(centroids.rows(), centroids.cols()),
                      std::vector<int64_t>(static_cast<size_t>(centroids.rows())), 0};
  PassSums sums =
      sum_row_blocks(points, zero, threads, [&](PassSums& sum, int64_t first, const Matrix& block) {
        const Matrix relative = relative_distances(block, centroids, centroid_squares);
        for (int64_t row = 0; row < block.rows(); ++row) {
          Eigen::Index nearest = 0;
          const double to_nearest = relative.row(row).minCoeff(&nearest);
          // This order keeps what is not a number.
          const double least = std::max(block.row(row).squaredNorm() + to_nearest, 0.0);
          pass.cluster[static_cast<size_t>(first + row)] = static_cast<int32_t>(nearest);
          pass.squared[static_cast<size_t>(first + row)] = least;
          sum.sums.row(nearest) += block.row(row);
          sum.counts[static_cast<size_t>(nearest)] += 1;
          sum.inertia += least;
        }
      });
  pass.sums = std::move(sums.sums);
  pass.counts = std::move(sums.counts);
  pass.inertia = sums.inertia;
  return pass;
}

Matrix mean_centroids(const Rows& points, Geometry geometry, Pass& pass) {
  Matrix centroids = std::move(pass.sums);
  for (int64_t index = 0; index < centroids.rows(); ++index) {
    const int64_t count = pass.counts[static_cast<size_t>(index)];
    if (count > 0) {
      centroids.row(index) /= static_cast<double>(count);
    } else {
      const auto farthest = std::max_element(pass.squared.begin(), pass.squared.end());
      centroids.row(index) = points.block(farthest - pass.squared.begin(), 1);
      *farthest = 0;
    }
  }
  return geometry == Geometry::cosine ? unit_rows(centroids) : centroids;
}

// The index at which the running sum of weights passes share * total.
int64_t draw(const std::vector<double>& weights, double share) {
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  double left = share * total;
  int64_t last = 0;
  for (size_t index = 0; index < weights.size(); ++index) {
    if (weights[index] <= 0) continue;
    last = static_cast<int64_t>(index);
    left -= weights[index];
    if (left < 0) break;
  }
  return last;
}

// Distances to the nearest of the centroids so far and one candidate, for each candidate: candidates x
// points.
Matrix with_candidates(const Rows& points, const Matrix& candidates, const std::vector<double>& squared,
                       int threads) {
  Matrix result(candidates.rows(), points.count());
  const Vector candidate_squares = candidates.rowwise().squaredNorm();
  for_row_blocks(points, threads, [&](int64_t first, const Matrix& block) {
    const Matrix to_candidates = squared_distances(block, candidates, candidate_squares);
    for (int64_t row = 0; row < block.rows(); ++row) {
      const double known = squared[static_cast<size_t>(first + row)];
      for (int64_t candidate = 0; candidate < candidates.rows(); ++candidate)
        result(candidate, first + row) = std::min(known, to_candidates(row, candidate));
    }
  });
  return result;
}

// Greedy k-means++: of a few draws the one that lowers the sum of squared distances most.
Matrix seed_centroids(const Rows& points, int64_t k, const Random& random, int threads) {
  const auto draws = static_cast<int64_t>(2 + std::log(static_cast<double>(k)));
  Matrix centroids(k, points.columns());
  centroids.row(0) =
      points.block(static_cast<int64_t>(random.below(0, static_cast<uint64_t>(points.count()))), 1);
  std::vector<double> squared(static_cast<size_t>(points.count()), std::numeric_limits<double>::infinity());
  const auto take = [&](const Matrix& distances, int64_t candidate) {
    const auto row = distances.row(candidate);
    squared.assign(row.data(), row.data() + row.size());
  };
  take(with_candidates(points, centroids.topRows(1), squared, threads), 0);
  for (int64_t index = 1; index < k; ++index) {
    Matrix candidates(draws, points.columns());
    for (int64_t number = 0; number < draws; ++number) {
      const double share = random.uniform(static_cast<uint64_t>(index * draws + number));
      candidates.row(number) = points.block(draw(squared, share), 1);
    }
    const Matrix distances = with_candidates(points, candidates, squared, threads);
    Eigen::Index best = 0;
    distances.rowwise().sum().minCoeff(&best);
    centroids.row(index) = candidates.row(best);
    take(distances, best);
  }
  return centroids;
}

}  // namespace

Clusters refine_clusters(const Rows& points, Geometry geometry, Matrix centroids, int64_t rounds,
                         int threads) {
  Pass pass = assign(points, centroids, threads);
  int64_t round = 0;
  while (round < rounds) {
    centroids = mean_centroids(points, geometry, pass);
    Pass next = assign(points, centroids, threads);
    const bool settled = next.cluster == pass.cluster;
    pass = std::move(next);
    ++round;
    if (settled) break;
  }
  return {std::move(pass.cluster), std::move(centroids), pass.inertia, round};
}

Clusters k_means(const Rows& points, Geometry geometry, int64_t k, int64_t rounds, int64_t starts,
                 uint64_t seed, int threads) {
  Clusters best;
  for (int64_t start = 0; start < starts; ++start) {
    const Random random(seed, "profile/segments", static_cast<uint64_t>(k * 1000 + start));
    Clusters clusters =
        refine_clusters(points, geometry, seed_centroids(points, k, random, threads), rounds, threads);
    if (start == 0 || clusters.inertia < best.inertia) best = std::move(clusters);
  }
  return best;
}

}  // namespace limner
