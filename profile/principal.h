// Principal components of the customers' mean vectors.
#pragma once

#include "profile/rows.h"

namespace limner {

struct PrincipalComponents {
  Matrix scores;            // customers x kept, columns by falling variance
  Matrix axes;              // kept x width
  Eigen::RowVectorXd mean;  // of the rows; scores = (rows - mean) axes'
  Vector variance;          // of each column of scores
  double total_variance = 0;
};

// At most `keep` components, fewer where the rest has no variance. An axis points where its largest entry is
// positive, so the signs are stable.
PrincipalComponents principal_components(const Rows& rows, int64_t keep, int threads);

}  // namespace limner
