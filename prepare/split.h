// Training, validation and test parts: drawn by seed and by what a row says, so the same for any number of
// ranks and threads, and hardly changed by rows that come later.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "runtime/settings.h"
#include "tables/prepared.h"

namespace limner {

// Whole numbers nearest to the shares of `count`, adding up to it (largest remainder; equal remainders are
// decided by `draw`).
std::array<int64_t, 3> apportion(int64_t count, const SplitSettings& settings, uint64_t draw);

// Draws rows. strata: one code a row; the shares hold within each. Empty: one stratum.
std::vector<Split> split_rows(const SplitSettings& settings, uint64_t seed,
                              const std::vector<uint64_t>& identity, const std::vector<int32_t>& strata);

// Draws customers; the shares are of customers. customer: index into customer_ids, one a row. Errors: fewer
// customers than parts (bad_data).
std::vector<Split> split_customers(const SplitSettings& settings, uint64_t seed,
                                   const std::vector<std::string>& customer_ids,
                                   const std::vector<int64_t>& customer);

}  // namespace limner
