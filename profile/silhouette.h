// How well segments stand apart: the silhouette (Rousseeuw 1987), (b - a) / max(a, b) with a the mean
// distance to the own segment and b to the nearest other one.
#pragma once

#include <span>
#include <vector>

#include "profile/matrix.h"

namespace limner {

// Distances between all pairs of a sample of customers, made once and asked for every k.
class Silhouette {
 public:
  // cosine: 1 - cosine, for rows of length 1; euclidean: the distance.
  Silhouette(const Matrix& points, Geometry geometry, int threads);
  // One value a point; 0 for the only point of its segment (and for all, with one segment).
  std::vector<double> values(std::span<const int32_t> segment) const;
  double mean(std::span<const int32_t> segment) const;

 private:
  int64_t count_;
  int threads_;
  std::vector<float> distances_;  // count x count
};

}  // namespace limner
