// Segments of customers: k-means on their mean vectors.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "profile/matrix.h"
#include "runtime/settings.h"

namespace limner {

struct Segmentation {
  Geometry geometry = Geometry::euclidean;
  std::vector<int32_t> segment;      // per customer; 0 is the largest segment
  std::vector<int64_t> sizes;        // falling; ties: the segment of the earlier customer first
  Matrix centroids;                  // segments x width; of length 1 in cosine geometry
  std::vector<double> similarity;    // of each customer to its centroid: cosine, or minus the distance
  double inertia = 0;                // sum of squared distances to the centroids
  double silhouette = 0;             // mean; NaN with one segment
  int64_t silhouette_customers = 0;  // it was measured on; fewer than all: a seeded sample
  std::vector<std::pair<int64_t, double>> tried;  // k: auto, each k and its silhouette
  bool k_chosen = false;

  int64_t count() const { return static_cast<int64_t>(sizes.size()); }
};

// k-means++ (Arthur and Vassilvitskii 2007), several seeded starts, the least inertia wins. In cosine
// geometry rows and centroids are scaled to length 1. k: auto takes the best silhouette among 2..k_max whose
// smallest segment has 1 % of the customers (or the best of all where none has). Identical vectors give one
// segment. Errors: k larger than the number of customers (bad_config).
Segmentation find_segments(const Matrix& vectors, Geometry geometry, const SegmentSettings& settings,
                           uint64_t seed, int threads);

// One fit with k clusters, best of `starts`, clusters in the order of the seeding. points: of length 1 in
// cosine geometry.
struct Clusters {
  std::vector<int32_t> cluster;
  Matrix centroids;
  double inertia = 0;
};
Clusters k_means(const Matrix& points, Geometry geometry, int64_t k, int64_t iterations, int64_t starts,
                 uint64_t seed, int threads);

}  // namespace limner
