// What sets segments apart: every attribute, prediction and habit, averaged per segment beside everyone.
#pragma once

#include <string>
#include <vector>

#include "profile/columns.h"
#include "profile/customers.h"
#include "profile/segments.h"

namespace limner {

enum class TraitGroup : uint8_t { behaviour, prediction, attribute };

struct Trait {
  TraitGroup group = TraitGroup::attribute;
  std::string name;                // "age", "region = north", "sentiment = positive", "predicted stars"
  bool is_share = false;           // values are 0 or 1, or probabilities
  double mean = 0, deviation = 0;  // over all customers that have it
  std::vector<double> values;      // a customer each; NaN missing
  std::vector<double> by_segment;  // mean; NaN where no customer of the segment has it
  double difference(size_t segment) const;  // (segment's mean - mean) / deviation; 0 without deviation
};

// Behaviour: texts a customer, the lexicon's sentiment and, with times, days since the last text and how far
// what is written changed. Predictions: every class of every
// head (the second of two; of more, the eight most frequent). Attributes: numbers; categories that at least
// one in twenty customers has (the second of two; of more, the six most frequent).
std::vector<Trait> describe_traits(const Customers& customers, const std::vector<CustomerColumn>& columns,
                                   const Segmentation& segmentation);

}  // namespace limner
