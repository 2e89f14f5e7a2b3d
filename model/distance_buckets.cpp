#include "model/distance_buckets.h"

#include <algorithm>
#include <cmath>

namespace limner {
namespace {

constexpr int64_t one_side = distance_bucket_count / 2;
constexpr int64_t single = one_side / 2;  // distances with a bucket of their own
constexpr double farthest = 128.0;        // from here on all share the last one

// In f32, as transformers computes it: a boundary must not fall into the other bucket.
int64_t bucket_of(int64_t distance) {
  if (distance < single) return distance;
  const auto wide = static_cast<float>(distance) / static_cast<float>(single);
  const float share = std::log(wide) / static_cast<float>(std::log(farthest / static_cast<double>(single)));
  return std::min(one_side - 1, single + static_cast<int64_t>(share * static_cast<float>(one_side - single)));
}

}  // namespace

std::vector<int32_t> distance_buckets(int64_t span) {
  std::vector<int32_t> buckets;
  for (int64_t distance = 1 - span; distance < span; ++distance) {
    const int64_t after = distance > 0 ? one_side : 0;
    buckets.push_back(static_cast<int32_t>(after + bucket_of(std::abs(distance))));
  }
  return buckets;
}

}  // namespace limner
