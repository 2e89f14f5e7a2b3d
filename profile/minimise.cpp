#include "profile/minimise.h"

#include <cmath>
#include <deque>
#include <limits>

namespace limner {
namespace {

struct Pair {
  Vector step, change;  // of the place and of the gradient
  double product = 0;   // of the two
};

// The inverse Hessian that the pairs tell, times a gradient.
Vector scaled_gradient(const std::deque<Pair>& pairs, const Vector& gradient) {
  Vector direction = gradient;
  std::vector<double> shares(pairs.size());
  for (size_t i = pairs.size(); i-- > 0;) {
    shares[i] = pairs[i].step.dot(direction) / pairs[i].product;
    direction -= shares[i] * pairs[i].change;
  }
  if (!pairs.empty()) direction *= pairs.back().product / pairs.back().change.squaredNorm();
  for (size_t i = 0; i < pairs.size(); ++i) {
    const double share = pairs[i].change.dot(direction) / pairs[i].product;
    direction += (shares[i] - share) * pairs[i].step;
  }
  return direction;
}

}  // namespace

Minimum minimise(const std::function<double(const Vector&, Vector&)>& function, Vector start,
                 int64_t most_rounds, double tolerance) {
  constexpr size_t most_pairs = 10;
  constexpr int most_trials = 50;
  constexpr double least_fall = 1e-4, least_flattening = 0.9;
  Minimum here{std::move(start), 0, false};
  Vector gradient(here.at.size()), next_gradient(here.at.size());
  here.value = function(here.at, gradient);
  std::deque<Pair> pairs;
  for (int64_t round = 0; round < most_rounds; ++round) {
    if (gradient.cwiseAbs().maxCoeff() <= tolerance) {
      here.settled = true;
      break;
    }
    Vector direction = -scaled_gradient(pairs, gradient);
    if (pairs.empty()) direction /= std::max(1.0, gradient.norm());
    const double slope = gradient.dot(direction);
    double low = 0, high = std::numeric_limits<double>::infinity(), scale = 1, value = here.value;
    bool falls = false;
    for (int trial = 0; trial < most_trials; ++trial) {
      value = function(here.at + scale * direction, next_gradient);
      falls = value < here.value && value <= here.value + least_fall * scale * slope;
      if (!falls) {
        high = scale;
      } else if (next_gradient.dot(direction) < least_flattening * slope) {
        low = scale;
      } else {
        break;
      }
      scale = std::isfinite(high) ? (low + high) / 2 : 2 * low;
    }
    if (!falls) {  // rounding hides what is left to gain
      here.settled = true;
      break;
    }
    Pair pair{scale * direction, next_gradient - gradient, 0};
    pair.product = pair.step.dot(pair.change);
    here.at += pair.step;
    here.value = value;
    gradient.swap(next_gradient);
    if (pair.product <= 1e-12 * pair.change.squaredNorm()) continue;
    pairs.push_back(std::move(pair));
    if (pairs.size() > most_pairs) pairs.pop_front();
  }
  return here;
}

}  // namespace limner
