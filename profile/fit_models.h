// Every model that the configuration names, fitted one after another.
#pragma once

#include "profile/results.h"
#include "runtime/root_work.h"
#include "runtime/run.h"
#include "tables/prepared.h"

namespace limner {

// Fields of customers that are no target.
std::vector<CustomerColumn> explaining_columns(const ProfileSettings& settings,
                                               const ProfileResults& results);

// Are segments or a model made of word vectors?
bool wants_word_vectors(const ProfileSettings& settings);

// On rank 0: regressions, classifications and comparisons of groups of the results, from all else that is in
// them. components: scores of the vectors' principal components, a customer each; no columns: none.
void fit_models(const Run& run, const PreparedReader& prepared, Matrix components, ProfileResults& results,
                Heartbeat& heartbeat);

}  // namespace limner
