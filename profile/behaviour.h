// How much and how lately customers wrote and bought, as columns for models, rules and traits.
#pragma once

#include <vector>

#include "profile/columns.h"

namespace limner {

// Days between a customer's newest text and the newest of all customers; NaN without a dated text. Wants
// customers with times.
CustomerColumn days_since_last_text(const Customers& customers);

// "texts" and "tokens a text" where there are texts; "days since last text" and "days since first text" where
// there are times; "items", how many different ones a customer took, where the table has items.
std::vector<CustomerColumn> behaviour_columns(const PreparedReader& prepared, const Customers& customers);

}  // namespace limner
