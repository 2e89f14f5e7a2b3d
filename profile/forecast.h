// limner check: what the profile stage will hold of every customer.
#pragma once

#include <cstdint>

#include "runtime/settings.h"

namespace limner {

struct ProfileForecast {
  int64_t bytes_on_root = 0;   // rank 0, where everything comes together; the program itself included
  int64_t bytes_per_rank = 0;  // of the others
  int64_t scratch_bytes = 0;   // in run.directory while it runs, without a name
};

// Of customers with vectors of `width` numbers and heads of `classes` classes together. What models read
// beside the vectors is a few numbers a customer and left out; so are word vectors, whose width the file
// tells.
ProfileForecast forecast_profile(const ProfileSettings& settings, int64_t customers, int64_t width,
                                 int64_t classes, int threads);

}  // namespace limner
