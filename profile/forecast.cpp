#include "profile/forecast.h"

#include <algorithm>

#include "profile/component_choice.h"
#include "profile/customer_vectors.h"
#include "runtime/process.h"

namespace limner {
namespace {

constexpr int64_t number = sizeof(double);
// Identifier, counts, times, rows of the table, and places in the results' lists.
constexpr int64_t small_bytes = 400;
// Rows that are compared with everyone at once: a product of float and a place of int32 (neighbors.cpp).
constexpr int64_t compared_rows = 64;

}  // namespace

ProfileForecast forecast_profile(const ProfileSettings& settings, int64_t customers, int64_t width,
                                 int64_t classes, int threads) {
  const int64_t topics = settings.topics.k.value_or(10);
  const int64_t held = customers * (number * (width + classes + topics) + small_bytes);
  const int64_t sums = std::min(customer_vector_bytes, customers * customer_vector_sums * number * width);
  const int64_t nearest =
      settings.neighbors == 0
          ? 0
          : customers * (4 * width + 4 * (compared_rows + 1) * threads + 8 * settings.neighbors);
  const int64_t components = customers * number * std::min(width, most_components);
  ProfileForecast forecast;
  const int64_t program = resident_bytes();
  forecast.bytes_on_root = program + held + std::max(sums, components + nearest);
  forecast.bytes_per_rank = program + nearest;
  forecast.scratch_bytes = customers * 3 * 4 * width;
  return forecast;
}

}  // namespace limner
