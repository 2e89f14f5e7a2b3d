// The demo's made-up tables: customers who write reviews in Chinese and English.
#pragma once

#include <cstdint>
#include <filesystem>

namespace limner {

// Writes folder/reviews.csv (customer_id, review, created_at, product, category, label),
// folder/customers.jsonl (id, region, age, member_since, spend_next_quarter, churned) and folder/events.csv
// (customer_id, at, what, amount); about ten reviews and twenty events a customer. The same seed gives the
// same bytes.
//
// Causes, to be found again:
// - category (electronics, food, clothing, books, hotel): three of five reviews are of the customer's
// preferred one;
//   young customers prefer electronics and clothing, older ones books and hotels. Words and products belong
//   to it.
// - label (positive, negative) shows in the words of a review, also by negation ("not bad at all", "不算好")
// and in
//   mixed reviews, whose last sentence decides. One label in 100 is wrong.
// - each customer has a mood, lower in the region `west`, that changes over time; it decides the labels.
// - spend_next_quarter = 120 + 260 * share of positive reviews + 90 (electronics), 60 (hotel), 20 (clothing),
// 0 (food)
//   or -30 (books) by preferred category + 1.5 * (age - 45) + noise of deviation 25; at least 0.
// - churned with the logit -0.9 + 4.5 * (share of negative reviews among the last three - 0.4)
//   - 0.12 * (number of reviews - 10) + 0.8 in the region `west`.
//
// Dirt, by fixed places: repeated rows, empty texts, rows with a field too many, broken UTF-8, a bad time,
// byte-order marks and zero-width blanks within rows, HTML, URLs, newlines in quotes, missing labels; among
// the events a time before 1970 and an unknown kind; among
// the customers a torn line, a repeated line, missing ages, customers without reviews and reviewers without a
// line.
void write_demo_data(const std::filesystem::path& folder, uint64_t seed, int64_t customers);

}  // namespace limner
