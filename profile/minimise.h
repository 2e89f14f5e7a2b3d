// A smooth function's minimum from its value and gradient, for as many variables as a small network has.
#pragma once

#include <functional>

#include "profile/matrix.h"

namespace limner {

struct Minimum {
  Vector at;
  double value = 0;
  bool settled = false;  // no entry of the gradient is above the tolerance, or no step improves the value
};

// function(at, gradient) gives the value and fills the gradient. L-BFGS with ten pairs (Liu and Nocedal 1989)
// and a line search for the weak Wolfe conditions by bisection (Lewis and Overton 2013).
Minimum minimise(const std::function<double(const Vector&, Vector&)>& function, Vector start,
                 int64_t most_rounds, double tolerance);

}  // namespace limner
