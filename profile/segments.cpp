#include "profile/segments.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "profile/k_means.h"
#include "profile/silhouette.h"
#include "runtime/error.h"
#include "runtime/log.h"
#include "runtime/random.h"

namespace limner {
namespace {

constexpr int64_t silhouette_limit = 2000;  // customers with all their pairs; 16 MB of distances
constexpr int64_t choice_limit = 20000;     // customers that k and the first centroids are chosen on
constexpr int64_t starts = 8;
constexpr double smallest_share = 0.01;

// Rising numbers of customers: all, or the first `limit` of a seeded order, so that a smaller sample lies in
// a larger one.
std::vector<int64_t> sample_of(int64_t customers, int64_t limit, uint64_t seed) {
  std::vector<int64_t> sample(static_cast<size_t>(customers));
  std::iota(sample.begin(), sample.end(), 0);
  if (customers <= limit) return sample;
  sample = permutation(customers, Random(seed, "profile/silhouette"));
  sample.resize(static_cast<size_t>(limit));
  std::sort(sample.begin(), sample.end());
  return sample;
}

// Where each entry of `part` stands in `whole`, both rising.
std::vector<int64_t> places_in(const std::vector<int64_t>& whole, const std::vector<int64_t>& part) {
  std::vector<int64_t> places;
  for (const int64_t index : part)
    places.push_back(std::lower_bound(whole.begin(), whole.end(), index) - whole.begin());
  return places;
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
int64_t distinct_rows(const Rows& points, int64_t limit) {
  Matrix distinct(0, points.columns());
  for (int64_t first = 0; first < points.count(); first += rows_per_read) {
    const Matrix block = points.block(first, std::min(rows_per_read, points.count() - first));
    for (int64_t row = 0; row < block.rows(); ++row) {
      const bool known = distinct.rows() > 0 &&
                         (distinct.rowwise() - block.row(row)).rowwise().squaredNorm().minCoeff() < 1e-18;
      if (known) continue;
      distinct.conservativeResize(distinct.rows() + 1, Eigen::NoChange);
      distinct.row(distinct.rows() - 1) = block.row(row);
      if (distinct.rows() == limit) return limit;
    }
  }
  return distinct.rows();
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

// Tries every k on some customers.
class Choice {
 public:
  Choice(const Rows& points, Geometry geometry, const SegmentSettings& settings, uint64_t seed, int threads)
      : sample_(sample_of(points.count(), choice_limit, seed)),
        judges_(sample_of(points.count(), silhouette_limit, seed)),
        judges_in_sample_(places_in(sample_, judges_)),
        points_(gather_rows(points, sample_)),
        silhouette_(gather_rows(points, judges_), geometry, threads),
        geometry_(geometry),
        rounds_(settings.iterations),
        seed_(seed),
        threads_(threads) {}

  int64_t customers() const { return std::ssize(sample_); }
  int64_t judges() const { return std::ssize(judges_); }
  Clusters fit(int64_t k) const {
    return k_means(MatrixRows(points_), geometry_, k, rounds_, starts, seed_, threads_);
  }
  double measure(const Clusters& of_sample_only) const {
    return silhouette_.mean(of_sample(of_sample_only.cluster, judges_in_sample_));
  }
  double measure_all(const Clusters& of_all) const {
    return silhouette_.mean(of_sample(of_all.cluster, judges_));
  }

 private:
  std::vector<int64_t> sample_, judges_, judges_in_sample_;
  Matrix points_;
  Silhouette silhouette_;
  Geometry geometry_;
  int64_t rounds_;
  uint64_t seed_;
  int threads_;
};

void note(Segmentation& result, const Choice& choice, int64_t k, const Clusters& clusters) {
  result.tried.emplace_back(k, k == 1 ? std::numeric_limits<double>::quiet_NaN() : choice.measure(clusters));
  result.tried_inertia.push_back(clusters.inertia);
}

Clusters best_silhouette(Segmentation& result, const Choice& choice, int64_t largest_k) {
  const auto least =
      static_cast<int64_t>(std::ceil(smallest_share * static_cast<double>(choice.customers())));
  Clusters chosen;
  double best = -2;
  bool best_is_balanced = false;
  for (int64_t k = 2; k <= largest_k; ++k) {
    Clusters clusters = choice.fit(k);
    note(result, choice, k, clusters);
    const double value = result.tried.back().second;
    const bool balanced = smallest_cluster(clusters) >= least;
    if (balanced == best_is_balanced ? value <= best : best_is_balanced) continue;
    best = value;
    best_is_balanced = balanced;
    chosen = std::move(clusters);
  }
  return result.tried.empty() ? choice.fit(1) : std::move(chosen);
}

Clusters at_elbow(Segmentation& result, const Choice& choice, int64_t largest_k) {
  std::vector<Clusters> all;
  for (int64_t k = 1; k <= largest_k; ++k) note(result, choice, k, all.emplace_back(choice.fit(k)));
  return std::move(all[elbow_of(result.tried_inertia)]);
}

// With fewer distinct vectors than clusters some clusters would be copies of others.
Clusters choose(Segmentation& result, const Rows& points, const Choice& choice,
                const SegmentSettings& settings) {
  const int64_t wanted = settings.k.is_auto() ? settings.k_max : *settings.k.value;
  const int64_t distinct = distinct_rows(points, wanted + 1);
  if (!settings.k.is_auto()) {
    if (distinct < wanted) {
      log_warning("profile.segments.k is {}, but only {} customers have different vectors: {} segments",
                  wanted, distinct, distinct);
    }
    return choice.fit(std::min({wanted, distinct, choice.customers()}));
  }
  const int64_t largest_k = std::min({wanted, distinct, points.count() - 1});
  result.k_of_elbow = settings.choose == "elbow";
  result.k_chosen = !result.k_of_elbow;
  return result.k_of_elbow ? at_elbow(result, choice, largest_k) : best_silhouette(result, choice, largest_k);
}

}  // namespace

size_t elbow_of(const std::vector<double>& curve) {
  const double fall = curve.front() - curve.back();
  if (curve.size() < 3 || !(fall > 0)) return 0;
  size_t best = 0;
  double deepest = 0;
  for (size_t place = 1; place + 1 < curve.size(); ++place) {
    const double along = static_cast<double>(place) / static_cast<double>(curve.size() - 1);
    const double depth = (curve.front() - curve[place]) / fall - along;
    if (depth > deepest) deepest = depth, best = place;
  }
  return best;
}

Segmentation find_segments(const Rows& vectors, Geometry geometry, const SegmentSettings& settings,
                           uint64_t seed, int threads) {
  const int64_t customers = vectors.count();
  if (!settings.k.is_auto() && *settings.k.value > customers) {
    fail(ExitCode::bad_config, "profile.segments.k: {} segments of {} customers; set at most {}, or auto",
         *settings.k.value, customers, customers);
  }
  const UnitRows unit(vectors);
  const Rows& points = geometry == Geometry::cosine ? static_cast<const Rows&>(unit) : vectors;
  Segmentation result;
  result.geometry = geometry;
  const Choice choice(points, geometry, settings, seed, threads);
  result.silhouette_customers = choice.judges();
  result.chosen_on_customers = choice.customers();
  Clusters chosen = choose(result, points, choice, settings);
  if (choice.customers() < customers) {
    chosen = refine_clusters(points, geometry, chosen.centroids, settings.iterations, threads);
  }
  order_by_size(result, chosen);
  result.inertia = chosen.inertia;
  result.silhouette =
      result.count() > 1 ? choice.measure_all(chosen) : std::numeric_limits<double>::quiet_NaN();
  result.similarity.resize(static_cast<size_t>(customers));
  for_row_blocks(points, threads, [&](int64_t first, const Matrix& block) {
    for (int64_t row = 0; row < block.rows(); ++row) {
      const auto customer = static_cast<size_t>(first + row);
      const auto centroid = result.centroids.row(result.segment[customer]);
      result.similarity[customer] =
          geometry == Geometry::cosine ? block.row(row).dot(centroid) : -(block.row(row) - centroid).norm();
    }
  });
  return result;
}

}  // namespace limner
