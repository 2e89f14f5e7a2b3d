// Implicit matrix factorisation: Hu, Koren and Volinsky, "Collaborative filtering for implicit feedback
// datasets", 2008. A taken item counts as 1 with confidence 2, every other one as 0 with confidence 1.
#pragma once

#include <cstdint>
#include <vector>

#include "profile/matrix.h"

namespace limner {

struct ItemFactors {
  Matrix items;  // items x factors; no columns: none
  Matrix gram;   // items' items + the penalty: what a customer's factors are solved with

  // Factors of a customer with these items, whether or not the factorisation saw him.
  Vector customer(const std::vector<int32_t>& history) const;
  // How much such a customer wants each item.
  Vector wants(const std::vector<int32_t>& history) const { return items * customer(history); }
};

// Alternating least squares, eight rounds from seeded draws, penalty 10 (both chosen on the last items but
// one of docs/report.md's measurement). The same for any number of threads.
ItemFactors factorise_items(const std::vector<std::vector<int32_t>>& histories, size_t items, int64_t factors,
                            uint64_t seed, int threads);

}  // namespace limner
