// What goes with a target, one feature at a time.
#pragma once

#include <string>
#include <vector>

#include "profile/features.h"

namespace limner {

struct Association {
  Feature feature;
  int64_t customers = 0;             // with both known
  double pearson = 0, spearman = 0;  // NaN where one of the two is constant
  double mutual_information = 0;     // nats
};

// target: one value a customer. Features that stand together only (one_of_many) are left out. Mutual
// information is counted over groups: every different value where there are at most ten, else ten groups by
// rank, equal values together; missing values are left out.
std::vector<Association> associate(const FeatureTable& features, const Vector& target);

double pearson_correlation(const std::vector<double>& left, const std::vector<double>& right);
// From 1; equal values share the mean of their ranks.
std::vector<double> mean_ranks(const std::vector<double>& values);
double mutual_information(const std::vector<double>& left, const std::vector<double>& right);

}  // namespace limner
