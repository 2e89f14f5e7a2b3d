// Attention's bias by distance (Raffel et al., "Exploring the limits of transfer learning with a unified
// text-to-text transformer", 2020): a table [buckets, heads] of numbers that are added to scores, one table
// for all layers. Near distances have a bucket each, farther ones share buckets that widen with the
// logarithm.
#pragma once

#include <cstdint>
#include <vector>

namespace limner {

inline constexpr int64_t distance_bucket_count =
    32;  // half of them for keys behind the query, half for those after

// The buckets of the distances (a key's position less the query's) from -(span - 1) to span - 1, in that
// order.
std::vector<int32_t> distance_buckets(int64_t span);

}  // namespace limner
