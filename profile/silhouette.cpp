#include "profile/silhouette.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "runtime/parallel.h"

namespace limner {

Silhouette::Silhouette(const Matrix& points, Geometry geometry, int threads)
    : count_(points.rows()), threads_(threads), distances_(static_cast<size_t>(count_ * count_)) {
  const Vector squares = points.rowwise().squaredNorm();
  constexpr int64_t rows_per_block = 128;
  parallel_for((count_ + rows_per_block - 1) / rows_per_block, threads, [&](int64_t block) {
    const int64_t first = block * rows_per_block;
    const int64_t rows = std::min(rows_per_block, count_ - first);
    const Matrix products = points.middleRows(first, rows) * points.transpose();
    for (int64_t row = 0; row < rows; ++row) {
      float* to = distances_.data() + (first + row) * count_;
      for (int64_t other = 0; other < count_; ++other) {
        const double product = products(row, other);
        const double squared = squares[first + row] + squares[other] - 2 * product;
        const double distance =
            geometry == Geometry::cosine ? 1 - product : std::sqrt(std::max(0.0, squared));
        to[other] = static_cast<float>(std::max(0.0, distance));
      }
    }
  });
}

std::vector<double> Silhouette::values(std::span<const int32_t> segment) const {
  const int32_t segments = segment.empty() ? 0 : *std::max_element(segment.begin(), segment.end()) + 1;
  std::vector<int64_t> sizes(static_cast<size_t>(segments));
  for (const int32_t index : segment) ++sizes[static_cast<size_t>(index)];

  std::vector<double> result(segment.size());
  parallel_for(count_, threads_, [&](int64_t point) {
    std::vector<double> sums(sizes.size());
    const float* distances = distances_.data() + point * count_;
    for (size_t other = 0; other < segment.size(); ++other) {
      sums[static_cast<size_t>(segment[other])] += distances[other];
    }
    const auto own = static_cast<size_t>(segment[static_cast<size_t>(point)]);
    if (sizes[own] < 2) return;
    const double inside = sums[own] / static_cast<double>(sizes[own] - 1);
    double nearest = std::numeric_limits<double>::infinity();
    for (size_t index = 0; index < sums.size(); ++index) {
      if (index != own && sizes[index] > 0)
        nearest = std::min(nearest, sums[index] / static_cast<double>(sizes[index]));
    }
    const double larger = std::max(inside, nearest);
    if (std::isfinite(nearest) && larger > 0)
      result[static_cast<size_t>(point)] = (nearest - inside) / larger;
  });
  return result;
}

double Silhouette::mean(std::span<const int32_t> segment) const {
  const std::vector<double> all = values(segment);
  return std::accumulate(all.begin(), all.end(), 0.0) / static_cast<double>(std::max<size_t>(1, all.size()));
}

}  // namespace limner
