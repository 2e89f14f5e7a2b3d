// A two-dimensional map on which customers who write alike lie close together.
#pragma once

#include <string>

#include "profile/matrix.h"

namespace limner {

struct CustomerMap {
  std::string method;  // "t-SNE" or "principal components"
  Matrix places;       // customers x 2, within [-1, 1], the longer side filling it
};

// t-SNE (van der Maaten and Hinton 2008) for 30 to 5,000 customers, started from the first two principal
// components, without randomness; else the components themselves. components: customers x any number, columns
// by falling variance.
CustomerMap map_customers(const Matrix& components, int threads);

// Conditional probabilities of the nearest neighbours of each point, made symmetric; rows of point i are
// entries [starts[i], starts[i + 1]).
struct Affinities {
  std::vector<int64_t> starts;
  std::vector<int32_t> other;
  std::vector<float> weight;  // sum 1 over all entries
};
Affinities affinities(const Matrix& points, double perplexity, int threads);

}  // namespace limner
