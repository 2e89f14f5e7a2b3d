// What a model predicts from, group by group and together, and how customers are dealt to folds.
#pragma once

#include <string>
#include <vector>

#include "profile/features.h"
#include "profile/rows.h"
#include "runtime/settings.h"

namespace limner {

struct RegressionInputs {
  FeatureTable attributes, predictions;
  FeatureTable topics = {}, word_vectors = {}, behaviour = {};  // no features: there are none
  Matrix components;                    // scores of the vectors' principal components, best first
  std::vector<int64_t> training_texts;  // per customer
  bool texts = true;                    // is there anything but attributes?
};

// One group of features, or all together.
struct FeatureSet {
  std::string name;                    // "attributes", "texts", "attributes, behaviour and texts"
  FeatureTable fixed;                  // always enter
  const Matrix* components = nullptr;  // of these the first few; null: none
  int64_t most_components() const { return components ? components->cols() : 0; }
};

// The groups of `chosen` (RegressionSettings::features) that have features, each alone, then all of them. The
// inputs must live longer. Errors: nothing to predict `target` from, or a group that was asked for beside
// attributes and texts and is not there (bad_data).
std::vector<FeatureSet> feature_sets(const RegressionInputs& inputs, const std::vector<std::string>& chosen,
                                     const std::string& target);

using Indices = std::vector<int64_t>;

// Some customers' features of a set with the first `components`.
class Design : public Rows {
 public:
  Design(const FeatureSet& set, const Indices& customers, int64_t components)
      : set_(set), customers_(customers), components_(components) {}
  int64_t count() const override { return std::ssize(customers_); }
  int64_t columns() const override { return set_.fixed.values.cols() + components_; }
  Matrix block(int64_t first, int64_t rows) const override;

 private:
  const FeatureSet& set_;
  const Indices& customers_;
  int64_t components_;
};

// The fold of each entry, 0..folds-1: a seeded shuffle dealt in turn; by_class: class by class, from the
// largest number of a class to the smallest.
Indices deal_folds(const std::vector<double>& target, bool by_class, int64_t folds, uint64_t seed,
                   const std::string& purpose);

// Entries of `rows` in this fold go to `asked`, the others to `fitting`.
void split_fold(const Indices& rows, const Indices& folds, int64_t fold, Indices& fitting, Indices& asked);

// Entries of `rows`, at most `most`: those of a seeded sample, in their order.
Indices sample_rows(const Indices& rows, int64_t most, uint64_t seed, const std::string& purpose);

Vector pick(const Vector& values, const Indices& rows);

}  // namespace limner
