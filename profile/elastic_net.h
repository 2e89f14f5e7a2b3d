// Linear regression with an absolute and a quadratic penalty (Zou and Hastie 2005).
#pragma once

#include "profile/linear.h"

namespace limner {

// Minimises sum (y - b0 - x b)^2 + l1 |b|_1 + l2 |b|^2 by coordinate descent (Friedman, Hastie and Tibshirani
// 2010); l1 = 0 is ridge. In scikit-learn's terms for n customers: alpha = (l1 / 2 + l2) / n, l1_ratio = (l1
// / 2) / (l1 / 2 + l2). Standard errors are NaN: a coefficient set to 0 has none. Errors: no minimum found
// (bad_config).
LinearModel fit_elastic_net(const Rows& features, const Vector& target, double l1, double l2);

}  // namespace limner
