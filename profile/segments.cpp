#include "profile/segments.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "profile/silhouette.h"
#include "runtime/error.h"
#include "runtime/log.h"
#include "runtime/parallel.h"
#include "runtime/random.h"

namespace limner {
namespace {

constexpr int64_t silhouette_limit = 2000;  // customers with all their pairs; 16 MB of distances
constexpr int64_t many_customers = 20000;   // from here two starts instead of eight
constexpr double smallest_share = 0.01;

// Squared distance of every point to its nearest centroid, and which one that is.
struct Nearest {
  std::vector<int32_t> cluster;
  std::vector<double> squared;
};

Nearest nearest_centroids(const Matrix& points, const Vector& squares, const Matrix& centroids, int threads) {
  Nearest result{std::vector<int32_t>(static_cast<size_t>(points.rows())),
                 std::vector<double>(static_cast<size_t>(points.rows()))};
  const Vector centroid_squares = centroids.rowwise().squaredNorm();
  constexpr int64_t rows_per_block = 256;
  parallel_for((points.rows() + rows_per_block - 1) / rows_per_block, threads, [&](int64_t block) {
    const int64_t first = block * rows_per_block;
    const int64_t rows = std::min(rows_per_block, points.rows() - first);
    const Matrix products = points.middleRows(first, rows) * centroids.transpose();
    for (int64_t row = 0; row < rows; ++row) {
      double best = std::numeric_limits<double>::infinity();
      for (int64_t index = 0; index < centroids.rows(); ++index) {
        const double squared = squares[first + row] + centroid_squares[index] - 2 * products(row, index);
        if (squared >= best) continue;
        best = squared;
        result.cluster[static_cast<size_t>(first + row)] = static_cast<int32_t>(index);
      }
      result.squared[static_cast<size_t>(first + row)] = std::max(0.0, best);
    }
  });
  return result;
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

// Greedy k-means++: of a few draws the one that lowers the sum of squared distances most.
Matrix seed_centroids(const Matrix& points, const Vector& squares, int64_t k, const Random& random,
                      int threads) {
  const auto draws = static_cast<uint64_t>(2 + std::log(static_cast<double>(k)));
  Matrix centroids(k, points.cols());
  centroids.row(0) = points.row(static_cast<int64_t>(random.below(0, static_cast<uint64_t>(points.rows()))));
  std::vector<double> squared = nearest_centroids(points, squares, centroids.topRows(1), threads).squared;
  for (int64_t index = 1; index < k; ++index) {
    std::vector<double> best;
    double best_sum = std::numeric_limits<double>::infinity();
    for (uint64_t number = 0; number < draws; ++number) {
      const int64_t candidate = draw(squared, random.uniform(static_cast<uint64_t>(index) * draws + number));
      std::vector<double> with =
          nearest_centroids(points, squares, points.middleRows(candidate, 1), threads).squared;
      for (size_t point = 0; point < with.size(); ++point)
        with[point] = std::min(with[point], squared[point]);
      const double sum = std::accumulate(with.begin(), with.end(), 0.0);
      if (sum >= best_sum) continue;
      best_sum = sum;
      best = std::move(with);
      centroids.row(index) = points.row(candidate);
    }
    squared = std::move(best);
  }
  return centroids;
}

// Means of the clusters; an empty cluster takes the point farthest from its centroid.
Matrix mean_centroids(const Matrix& points, Geometry geometry, int64_t k, Nearest& nearest) {
  Matrix sums = Matrix::Zero(k, points.cols());
  std::vector<int64_t> counts(static_cast<size_t>(k));
  for (int64_t point = 0; point < points.rows(); ++point) {
    const int32_t index = nearest.cluster[static_cast<size_t>(point)];
    sums.row(index) += points.row(point);
    ++counts[static_cast<size_t>(index)];
  }
  for (int64_t index = 0; index < k; ++index) {
    if (counts[static_cast<size_t>(index)] > 0) {
      sums.row(index) /= static_cast<double>(counts[static_cast<size_t>(index)]);
    } else {
      const auto farthest = std::max_element(nearest.squared.begin(), nearest.squared.end());
      sums.row(index) = points.row(farthest - nearest.squared.begin());
      *farthest = 0;
    }
  }
  return geometry == Geometry::cosine ? unit_rows(sums) : sums;
}

Clusters one_start(const Matrix& points, const Vector& squares, Geometry geometry, int64_t k,
                   int64_t iterations, const Random& random, int threads) {
  Matrix centroids = seed_centroids(points, squares, k, random, threads);
  Nearest nearest = nearest_centroids(points, squares, centroids, threads);
  for (int64_t iteration = 0; iteration < iterations; ++iteration) {
    centroids = mean_centroids(points, geometry, k, nearest);
    Nearest next = nearest_centroids(points, squares, centroids, threads);
    const bool settled = next.cluster == nearest.cluster;
    nearest = std::move(next);
    if (settled) break;
  }
  return {nearest.cluster, centroids, std::accumulate(nearest.squared.begin(), nearest.squared.end(), 0.0)};
}

// Every how many customers the silhouette is measured on: all, or a seeded sample in rising order.
std::vector<int64_t> silhouette_sample(int64_t customers, uint64_t seed) {
  if (customers <= silhouette_limit) {
    std::vector<int64_t> all(static_cast<size_t>(customers));
    std::iota(all.begin(), all.end(), 0);
    return all;
  }
  std::vector<int64_t> sample = permutation(customers, Random(seed, "profile/silhouette"));
  sample.resize(silhouette_limit);
  std::sort(sample.begin(), sample.end());
  return sample;
}

std::vector<int32_t> of_sample(const std::vector<int32_t>& cluster, const std::vector<int64_t>& sample) {
  std::vector<int32_t> result;
  for (const int64_t index : sample) result.push_back(cluster[static_cast<size_t>(index)]);
  return result;
}

int64_t smallest_cluster(const Clusters& clusters) {
  std::vector<int64_t> sizes(static_cast<size_t>(clusters.centroids.rows()));
  for (const int32_t index : clusters.cluster) ++sizes[static_cast<size_t>(index)];
  return *std::min_element(sizes.begin(), sizes.end());
}

// Distinct rows, counted up to `limit`.
int64_t distinct_rows(const Matrix& points, int64_t limit) {
  std::vector<int64_t> distinct;
  for (int64_t row = 0; row < points.rows() && std::ssize(distinct) < limit; ++row) {
    const bool known = std::any_of(distinct.begin(), distinct.end(), [&](int64_t other) {
      return (points.row(row) - points.row(other)).squaredNorm() < 1e-18;
    });
    if (!known) distinct.push_back(row);
  }
  return std::ssize(distinct);
}

void order_by_size(Segmentation& result, const Clusters& clusters) {
  const int64_t k = clusters.centroids.rows();
  std::vector<int64_t> sizes(static_cast<size_t>(k)), first(static_cast<size_t>(k), -1);
  for (size_t point = 0; point < clusters.cluster.size(); ++point) {
    const auto index = static_cast<size_t>(clusters.cluster[point]);
    if (sizes[index]++ == 0) first[index] = static_cast<int64_t>(point);
  }
  std::vector<int64_t> order;
  for (int64_t index = 0; index < k; ++index) {
    if (sizes[static_cast<size_t>(index)] > 0) order.push_back(index);
  }
  std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    const auto left = static_cast<size_t>(a), right = static_cast<size_t>(b);
    return sizes[left] != sizes[right] ? sizes[left] > sizes[right] : first[left] < first[right];
  });
  std::vector<int32_t> place(static_cast<size_t>(k));
  result.centroids.resize(std::ssize(order), clusters.centroids.cols());
  for (size_t position = 0; position < order.size(); ++position) {
    const auto from = static_cast<size_t>(order[position]);
    place[from] = static_cast<int32_t>(position);
    result.sizes.push_back(sizes[from]);
    result.centroids.row(static_cast<int64_t>(position)) = clusters.centroids.row(order[position]);
  }
  for (const int32_t index : clusters.cluster) result.segment.push_back(place[static_cast<size_t>(index)]);
}

}  // namespace

Clusters k_means(const Matrix& points, Geometry geometry, int64_t k, int64_t iterations, int64_t starts,
                 uint64_t seed, int threads) {
  const Vector squares = points.rowwise().squaredNorm();
  Clusters best;
  for (int64_t start = 0; start < starts; ++start) {
    const Random random(seed, "profile/segments", static_cast<uint64_t>(k * 1000 + start));
    Clusters clusters = one_start(points, squares, geometry, k, iterations, random, threads);
    if (start == 0 || clusters.inertia < best.inertia) best = std::move(clusters);
  }
  return best;
}

Segmentation find_segments(const Matrix& vectors, Geometry geometry, const SegmentSettings& settings,
                           uint64_t seed, int threads) {
  const int64_t customers = vectors.rows();
  if (!settings.k.is_auto() && *settings.k.value > customers) {
    fail(ExitCode::bad_config, "profile.segments.k: {} segments of {} customers; set at most {}, or auto",
         *settings.k.value, customers, customers);
  }
  const Matrix points = geometry == Geometry::cosine ? unit_rows(vectors) : vectors;
  const int64_t starts = customers < many_customers ? 8 : 2;
  const auto fit = [&](int64_t k) {
    return k_means(points, geometry, k, settings.iterations, starts, seed, threads);
  };

  Segmentation result;
  result.geometry = geometry;
  const std::vector<int64_t> sample = silhouette_sample(customers, seed);
  Matrix sample_points(std::ssize(sample), points.cols());
  for (int64_t row = 0; row < sample_points.rows(); ++row) {
    sample_points.row(row) = points.row(sample[static_cast<size_t>(row)]);
  }
  const Silhouette silhouette(sample_points, geometry, threads);
  result.silhouette_customers = std::ssize(sample);
  const auto measure = [&](const Clusters& clusters) {
    return silhouette.mean(of_sample(clusters.cluster, sample));
  };

  // With fewer distinct vectors than clusters some clusters would be copies of others.
  const int64_t wanted = settings.k.is_auto() ? settings.k_max : *settings.k.value;
  const int64_t distinct = distinct_rows(points, wanted + 1);
  Clusters chosen;
  if (!settings.k.is_auto()) {
    if (distinct < wanted) {
      log_warning("profile.segments.k is {}, but only {} customers have different vectors: {} segments",
                  wanted, distinct, distinct);
    }
    chosen = fit(std::min(wanted, distinct));
  } else {
    const auto least = static_cast<int64_t>(std::ceil(smallest_share * static_cast<double>(customers)));
    const int64_t largest_k = std::min({wanted, distinct, customers - 1});
    double best = -2;
    bool best_is_balanced = false;
    for (int64_t k = 2; k <= largest_k; ++k) {
      Clusters clusters = fit(k);
      const double value = measure(clusters);
      result.tried.emplace_back(k, value);
      const bool balanced = smallest_cluster(clusters) >= least;
      if (balanced == best_is_balanced ? value <= best : best_is_balanced) continue;
      best = value;
      best_is_balanced = balanced;
      chosen = std::move(clusters);
    }
    if (result.tried.empty()) chosen = fit(1);
    result.k_chosen = true;
  }
  order_by_size(result, chosen);
  result.inertia = chosen.inertia;
  result.silhouette = result.count() > 1 ? measure(chosen) : std::numeric_limits<double>::quiet_NaN();
  for (int64_t row = 0; row < customers; ++row) {
    const auto centroid = result.centroids.row(result.segment[static_cast<size_t>(row)]);
    result.similarity.push_back(geometry == Geometry::cosine ? points.row(row).dot(centroid)
                                                             : -(points.row(row) - centroid).norm());
  }
  return result;
}

}  // namespace limner
