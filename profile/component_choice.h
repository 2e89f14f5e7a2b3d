// How many principal components of the vectors enter a model.
#pragma once

#include <functional>
#include <string>

#include "profile/customer_model.h"
#include "profile/feature_sets.h"

namespace limner {

constexpr int64_t most_components = 128;  // that are kept and tried
constexpr int64_t most_choosing = 20000;  // customers that they are chosen on; of more, a seeded sample
constexpr int64_t least_held_out = 10;    // customers without a training text who are scored apart

// What a simple model fitted to `fitting` loses on `asked`, summed over those.
using ComponentLoss = std::function<double(const Indices& fitting, const Indices& asked, int64_t components)>;

struct ComponentChoice {
  const FeatureSet& set;
  const Vector& target;  // a customer each; classes from 0
  Outcome outcome = Outcome::number;
  uint64_t seed = 0;
};

// Of 0, 1, 2, 4, … most_components, at most a third of the customers, the number with the least loss over
// three inner folds of `rows` (dealt by class where there are classes); the smaller on a tie. 0: the set has
// no components, or the customers are too few for folds.
int64_t choose_components(const ComponentChoice& choice, const Indices& rows, const std::string& purpose,
                          const ComponentLoss& loss);

// Customers of the smaller of two classes, 0 and 1.
int64_t smaller_class(const Vector& target);

}  // namespace limner
