#include "profile/customer_model.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "runtime/error.h"

namespace limner {
namespace {

constexpr std::array<std::pair<Outcome, const char*>, 3> outcomes{
    {{Outcome::number, "number"}, {Outcome::two_classes, "two_classes"}, {Outcome::classes, "classes"}}};

}  // namespace

const char* outcome_name(Outcome outcome) { return outcomes.at(static_cast<size_t>(outcome)).second; }

Outcome outcome_named(const std::string& name) {
  for (const auto& [outcome, known] : outcomes) {
    if (name == known) return outcome;
  }
  fail(ExitCode::bad_data, "a saved model predicts the unknown outcome `{}`", name);
}

Matrix CustomerModel::predict_classes(const Matrix&) const {
  throw Error(ExitCode::internal, "a model of one number was asked for classes");
}

std::string refuse_outcome(const std::string& kind, Outcome outcome) {
  const bool of_numbers = kind == "ridge" || kind == "elastic_net";
  const bool of_classes = kind == "logistic" || kind == "naive_bayes";
  if (of_numbers && outcome == Outcome::two_classes)
    return kind + " predicts a number (kind: logistic predicts two categories)";
  if (of_classes && outcome == Outcome::number)
    return kind + " predicts two categories (kind: ridge predicts a number)";
  return {};
}

CustomerModelPointer fit_customer_model(const RegressionSettings& settings, Outcome outcome,
                                        const Rows& features, const Vector& target, uint64_t seed) {
  if (settings.kind == "mlp" || outcome == Outcome::classes)
    return fit_network(settings, outcome, features, target, seed);
  if (settings.kind == "naive_bayes") return fit_naive_bayes(features, target);
  if (settings.kind == "tree" || settings.kind == "forest" || settings.kind == "boosting")
    return fit_tree_model(settings, outcome, features, target, seed);
  return fit_linear_model(settings, features, target);
}

CustomerModelPointer read_customer_model(const Json& json, const std::string& booster,
                                         const std::string& where) {
  const auto kind = json.at("kind").get<std::string>();
  if (kind == "naive_bayes") return read_naive_bayes(json);
  if (kind == "trees") return read_tree_model(json, booster);
  if (kind == "linear") return read_linear_model(json);
  if (kind == "network") return read_network(json);
  fail(ExitCode::bad_data, "{}: holds a model of the unknown kind `{}`", where, kind);
}

Vector predict_rows(const CustomerModel& model, const Rows& features) {
  Vector result(features.count());
  for_row_blocks(features, 1, [&](int64_t first, const Matrix& block) {
    result.segment(first, block.rows()) = model.predict(block);
  });
  return result;
}

Matrix predict_class_rows(const CustomerModel& model, const Rows& features) {
  Matrix result;
  for_row_blocks(features, 1, [&](int64_t first, const Matrix& block) {
    const Matrix told = model.predict_classes(block);
    if (result.size() == 0) result.resize(features.count(), told.cols());
    result.middleRows(first, block.rows()) = told;
  });
  return result;
}

Json json_of(const Vector& values) {
  Json json = Json::array();
  for (const double value : values) json.push_back(std::isnan(value) ? Json() : Json(value));
  return json;
}

Json json_of(const Matrix& values) {
  Json json = Json::array();
  for (int64_t row = 0; row < values.rows(); ++row) json.push_back(json_of(Vector(values.row(row))));
  return json;
}

Vector vector_in(const Json& json) {
  Vector values(std::ssize(json));
  for (size_t i = 0; i < json.size(); ++i) {
    const Json& value = json.at(i);
    values[static_cast<int64_t>(i)] =
        value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>();
  }
  return values;
}

Matrix matrix_in(const Json& json) {
  Matrix values(std::ssize(json), json.empty() ? 0 : std::ssize(json.at(0)));
  for (int64_t row = 0; row < values.rows(); ++row) {
    const Vector entries = vector_in(json.at(static_cast<size_t>(row)));
    if (entries.size() != values.cols()) {
      fail(ExitCode::bad_data, "a saved matrix has rows of {} and of {} numbers", values.cols(),
           entries.size());
    }
    values.row(row) = entries;
  }
  return values;
}

}  // namespace limner
