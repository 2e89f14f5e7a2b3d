// Columns of numbers that regressions read: attributes, predictions, and the vectors' principal components.
#pragma once

#include <string>
#include <vector>

#include "profile/columns.h"
#include "profile/linear.h"
#include "profile/matrix.h"
#include "runtime/files.h"

namespace limner {

// component: what stands for all components of the texts' vectors; it is no column of a FeatureTable.
enum class FeatureSource : uint8_t { attribute, prediction, topic, behaviour, word_vector, component };
const char* source_name(FeatureSource source);  // as in files

struct Feature {
  std::string name;  // "age", "region = north", "sentiment = positive"
  FeatureSource source = FeatureSource::attribute;
  std::string reference;  // of a category: what it is compared with; else empty
  // Where it comes from, so that other customers get the same: a column (CustomerColumn), a head and its
  // class, a topic or a place in the word vectors (its number from 0 as category); of the column its number,
  // whether it is missing, or whether it is `value`.
  enum class Part : uint8_t { number, missing_number, value, missing_value } part = Part::number;
  std::string field = "", category = "", value = "";
  // One number of a vector, which tells nothing without the others.
  bool one_of_many() const { return source == FeatureSource::word_vector; }
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

// Shares of the topics (customers x topics, NaN without a text with words); of all but the largest topic.
FeatureTable topic_features(const Matrix& shares);

// The word vectors (customers x width, NaN without a word that has one).
FeatureTable word_vector_features(const Matrix& vectors);

// Numbers of behaviour_columns, as of attributes.
FeatureTable behaviour_features(const std::vector<CustomerColumn>& columns);

// What features of other customers are made from.
struct FeatureSources {
  const PreparedReader& prepared;
  const Customers& customers;
  const Matrix& topics;                          // no columns: none
  const Matrix& word_vectors;                    // likewise
  const std::vector<CustomerColumn>& behaviour;  // empty: none
};
// The same features of other customers. Errors: as same_column; a head, topics, word vectors or a behaviour
// that they have not (bad_data).
Matrix same_features(const std::vector<Feature>& features, const FeatureSources& from,
                     const std::string& wanted_by);
Json to_json(const std::vector<Feature>& features);
std::vector<Feature> read_features(const Json& json);

// What customers without texts are segmented and compared by: attributes, each with mean 0 and variance 1
// (Standardizer), missing ones at the mean.
struct AttributeVectors {
  std::vector<Feature> features;
  Standardizer standardizer;
  Matrix values;  // customers x features
};
AttributeVectors attribute_vectors(const std::vector<CustomerColumn>& columns);

// Side by side. The tables have the same customers.
FeatureTable join(const FeatureTable& left, const FeatureTable& right);

}  // namespace limner
