// Columns of numbers that regressions read: attributes, predictions, and the vectors' principal components.
#pragma once

#include <string>
#include <vector>

#include "profile/columns.h"
#include "profile/matrix.h"

namespace limner {

enum class FeatureSource : uint8_t { attribute, prediction };

struct Feature {
  std::string name;  // "age", "region = north", "sentiment = positive"
  FeatureSource source = FeatureSource::attribute;
  std::string reference;  // of a category: what it is compared with; else empty
};

// customers x features; NaN where a number is missing.
struct FeatureTable {
  std::vector<Feature> features;
  Matrix values;
};

// A number: itself, and "<name> missing" (0 or 1) where some are missing. A category: 0 or 1 for each
// category but the most frequent one (the reference); at most twenty, of at least `least_customers`
// customers, the others belong to the reference; missing is a category of its own. Constant columns are left
// out.
FeatureTable attribute_features(const std::vector<CustomerColumn>& columns, int64_t least_customers = 5);

// Mean predictions of every head; of a single_label head all but the class with the highest mean.
FeatureTable prediction_features(const std::vector<HeadAverages>& heads);

// Side by side. The tables have the same customers.
FeatureTable join(const FeatureTable& left, const FeatureTable& right);

}  // namespace limner
