// k-means (Lloyd 1982) over rows that are read block by block.
#pragma once

#include <cstdint>
#include <vector>

#include "profile/rows.h"

namespace limner {

struct Clusters {
  std::vector<int32_t> cluster;  // a point each
  Matrix centroids;              // clusters x columns; of length 1 in cosine geometry
  double inertia = 0;            // sum of squared distances to the centroids
  int64_t rounds = 0;            // that moved the centroids
};

// Rounds of Lloyd's algorithm from these centroids, at most `rounds`, until no point changes its cluster. An
// empty cluster takes the point farthest from its centroid. points: of length 1 in cosine geometry. Sums are
// those of sum_row_blocks: the same for any number of threads.
Clusters refine_clusters(const Rows& points, Geometry geometry, Matrix centroids, int64_t rounds,
                         int threads);

// From greedy k-means++ centroids (Arthur and Vassilvitskii 2007), the best of `starts` seeded ones by
// inertia; clusters in the order of the seeding.
Clusters k_means(const Rows& points, Geometry geometry, int64_t k, int64_t rounds, int64_t starts,
                 uint64_t seed, int threads);

}  // namespace limner
