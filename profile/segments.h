// Segments of customers: k-means on their mean vectors.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "profile/rows.h"
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
  // k: auto, each k (from 2; with choose: elbow from 1) and its silhouette, NaN of 1.
  std::vector<std::pair<int64_t, double>> tried;
  std::vector<double> tried_inertia;  // of the same
  int64_t chosen_on_customers = 0;    // k and the first centroids were; fewer than all: a seeded sample
  bool k_chosen = false;              // by the silhouette
  bool k_of_elbow = false;

  int64_t count() const { return static_cast<int64_t>(sizes.size()); }
};

// k-means++, eight seeded starts, the least inertia wins (k_means.h). In cosine geometry rows and centroids
// are scaled to length 1. k: auto takes the best silhouette among 2..k_max whose smallest segment has 1 % of
// the customers (or the best of all where none has), or, choose: elbow, the k of 1..k_max where the curve of
// the inertia bends most. Of more than 20,000 customers a seeded sample of that many chooses k and the
// centroids that the rounds over all customers start from. Identical vectors give one segment. Errors: k
// larger than the number of customers (bad_config).
Segmentation find_segments(const Rows& vectors, Geometry geometry, const SegmentSettings& settings,
                           uint64_t seed, int threads);

// The place of the elbow of a falling curve over 0, 1, 2, …: where it lies deepest below the straight line
// from its first to its last value (Satopää et al., "Finding a kneedle in a haystack", 2011); the first on a
// tie, 0 for a curve that does not fall.
size_t elbow_of(const std::vector<double>& curve);

}  // namespace limner
