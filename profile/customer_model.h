// One interface for everything that predicts a field of customers. A kind of model is one file (ridge,
// logistic and elastic_net differ only in how they are fitted: linear_model.cpp).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "profile/linear.h"
#include "runtime/files.h"
#include "runtime/settings.h"

namespace limner {

enum class Outcome : uint8_t { number, two_classes, classes };  // classes: more than two
const char* outcome_name(Outcome outcome);                      // as in files
Outcome outcome_named(const std::string& name);                 // unknown: bad_data

class CustomerModel {
 public:
  virtual ~CustomerModel() = default;
  // features: customers x features in the order of the fit, NaN missing. A number each, or (two classes) the
  // probability of the second.
  virtual Vector predict(const Matrix& features) const = 0;
  // Of models of more than two classes instead: customers x classes, probabilities.
  virtual Matrix predict_classes(const Matrix& features) const;
  // All that predict needs, but for trees.
  virtual Json to_json() const = 0;
  // Trees as XGBoost's own JSON, which its bindings open; empty for every other kind.
  virtual std::string booster() const { return {}; }
  // Of linear models, null for others: on features standardised by `standardizer`.
  virtual const LinearModel* linear() const { return nullptr; }
  virtual const Standardizer* standardizer() const { return nullptr; }
  // Of multinomial logistic regression, likewise: classes x features.
  virtual const Matrix* class_coefficients() const { return nullptr; }
};

using CustomerModelPointer = std::unique_ptr<const CustomerModel>;

// Fits one model on one thread; the same inputs give the same model, whatever runs beside it. target:
// numbers, or 0 and 1, or the numbers of classes from 0. A missing feature is the mean for linear models,
// says nothing for naive_bayes, and goes the better way of each split of a tree.
CustomerModelPointer fit_customer_model(const RegressionSettings& settings, Outcome outcome,
                                        const Rows& features, const Vector& target, uint64_t seed);
// model.predict() and predict_classes() of many rows, block by block.
Vector predict_rows(const CustomerModel& model, const Rows& features);
Matrix predict_class_rows(const CustomerModel& model, const Rows& features);
// The model that to_json() and booster() tell of. Errors: an unknown kind, broken trees (bad_data); a key
// that is missing or of another type (Json::exception).
CustomerModelPointer read_customer_model(const Json& json, const std::string& booster,
                                         const std::string& where);

// What a kind can predict: an empty text, or what is wrong with it ("predicts two classes, not numbers").
std::string refuse_outcome(const std::string& kind, Outcome outcome);

// The kinds, by file.
CustomerModelPointer fit_linear_model(const RegressionSettings& settings, const Rows& features,
                                      const Vector& target);
CustomerModelPointer read_linear_model(const Json& json);
CustomerModelPointer fit_naive_bayes(const Rows& features, const Vector& target);
CustomerModelPointer read_naive_bayes(const Json& json);
CustomerModelPointer fit_tree_model(const RegressionSettings& settings, Outcome outcome, const Rows& features,
                                    const Vector& target, uint64_t seed);
CustomerModelPointer read_tree_model(const Json& json, const std::string& booster);
CustomerModelPointer fit_network(const RegressionSettings& settings, Outcome outcome, const Rows& features,
                                 const Vector& target, uint64_t seed);
CustomerModelPointer read_network(const Json& json);

// Vectors and matrices in JSON, with every digit; a NaN is null.
Json json_of(const Vector& values);
Json json_of(const Matrix& values);
Vector vector_in(const Json& json);
Matrix matrix_in(const Json& json);

}  // namespace limner
