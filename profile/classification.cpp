#include "profile/classification.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "profile/component_choice.h"
#include "profile/products.h"
#include "runtime/error.h"
#include "runtime/parallel.h"

namespace limner {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

struct Problem {
  const FeatureSet& set;
  const Vector& target;  // classes from 0; NaN missing
  int64_t classes;
  const RegressionSettings& settings;
  uint64_t seed;
};

CustomerModelPointer fit(const Problem& problem, const Indices& rows, int64_t components) {
  return fit_customer_model(problem.settings, Outcome::classes, Design(problem.set, rows, components),
                            pick(problem.target, rows), problem.seed);
}

// Squared error on `asked` of ridge regressions of the classes' indicators fitted on `fitting`.
double indicator_loss(const Problem& problem, const Indices& fitting, const Indices& asked,
                      int64_t components) {
  const auto indicators = [&](const Indices& rows) {
    Matrix result = Matrix::Zero(std::ssize(rows), problem.classes);
    for (int64_t row = 0; row < result.rows(); ++row)
      result(row, static_cast<int64_t>(problem.target[rows[static_cast<size_t>(row)]])) = 1;
    return result;
  };
  const Design seen(problem.set, fitting, components);
  const Standardizer standardizer(seen);
  const Matrix features = standardizer.apply(all_rows(seen));  // of mean 0
  const Matrix of_classes = indicators(fitting);
  const Eigen::RowVectorXd shares = of_classes.colwise().mean();
  Matrix gram = Matrix::Zero(features.cols(), features.cols());
  add_gram(gram, features);
  mirror_lower(gram);
  gram.diagonal().array() +=
      std::max(problem.settings.penalty(), 1e-6 * static_cast<double>(features.rows()));
  const Matrix coefficients = gram.llt().solve(transposed_product(features, of_classes.rowwise() - shares));
  const Matrix left_out = standardizer.apply(all_rows(Design(problem.set, asked, components)));
  const Matrix told = (left_out * coefficients).rowwise() + shares;
  return (told - indicators(asked)).squaredNorm();
}

int64_t components_for(const Problem& problem, const Indices& rows, const std::string& purpose) {
  return choose_components({problem.set, problem.target, Outcome::classes, problem.seed}, rows, purpose,
                           [&](const Indices& fitting, const Indices& asked, int64_t components) {
                             return indicator_loss(problem, fitting, asked, components);
                           });
}

struct OutOfFold {
  Matrix predicted, baseline;  // an entry of `rows` each
};

OutOfFold predict_out_of_fold(const Problem& problem, const Indices& rows, const Indices& folds,
                              int64_t count, int threads) {
  OutOfFold result{Matrix(std::ssize(rows), problem.classes), Matrix(std::ssize(rows), problem.classes)};
  parallel_for(count, threads, [&](int64_t fold) {
    Indices fitting, asked;
    split_fold(rows, folds, fold, fitting, asked);
    const int64_t components = components_for(problem, fitting, fmt::format("profile/inner/{}", fold));
    const Matrix told =
        predict_class_rows(*fit(problem, fitting, components), Design(problem.set, asked, components));
    Eigen::RowVectorXd shares = Eigen::RowVectorXd::Zero(problem.classes);
    for (const int64_t row : fitting)
      shares[static_cast<int64_t>(problem.target[row])] += 1 / static_cast<double>(fitting.size());
    int64_t next = 0;
    for (size_t i = 0; i < rows.size(); ++i) {
      if (folds[i] != fold) continue;
      result.predicted.row(static_cast<int64_t>(i)) = told.row(next++);
      result.baseline.row(static_cast<int64_t>(i)) = shares;
    }
  });
  return result;
}

std::vector<ClassCoefficient> coefficients_of(const FeatureSet& set, const CustomerModel& model) {
  std::vector<ClassCoefficient> result;
  if (!model.class_coefficients()) return result;
  const Matrix& coefficients = *model.class_coefficients();
  for (size_t feature = 0; feature < set.fixed.features.size(); ++feature) {
    const auto column = static_cast<int64_t>(feature);
    if (model.standardizer()->deviation[column] == 0 || set.fixed.features[feature].one_of_many()) continue;
    for (int64_t of_class = 0; of_class < coefficients.rows(); ++of_class) {
      result.push_back(
          {set.fixed.features[feature], static_cast<size_t>(of_class), coefficients(of_class, column)});
    }
  }
  std::stable_sort(result.begin(), result.end(), [](const ClassCoefficient& a, const ClassCoefficient& b) {
    return std::abs(a.per_deviation) > std::abs(b.per_deviation);
  });
  return result;
}

// The classes that occur take the numbers 0, 1, … in the order of the table's categories.
void number_classes(Classification& result, const CustomerColumn& column) {
  std::map<int32_t, int64_t> customers;
  for (const int32_t code : column.codes) {
    if (code >= 0) ++customers[code];
  }
  std::map<int32_t, int64_t> numbers;
  for (const auto& [code, count] : customers) {
    const std::string& name = column.categories[static_cast<size_t>(code)];
    if (count < 2) {
      fail(ExitCode::bad_data, "classification of '{}': only one customer is '{}'; too few for folds",
           result.settings.target, name);
    }
    numbers.emplace(code, std::ssize(result.classes));
    result.classes.push_back(name);
    result.folds = std::min(result.folds, count);
  }
  for (const int32_t code : column.codes) result.observed.push_back(code < 0 ? -1 : numbers.at(code));
}

void add_intervals(Classification& result, const std::vector<int64_t>& observed, const Matrix& predicted,
                   uint64_t seed, int threads) {
  std::vector<double> right, loss;
  for (int64_t row = 0; row < predicted.rows(); ++row) {
    Eigen::Index told = 0;
    predicted.row(row).maxCoeff(&told);
    const int64_t wanted = observed[static_cast<size_t>(row)];
    right.push_back(told == wanted ? 1 : 0);
    loss.push_back(-std::log(std::max(1e-15, predicted(row, wanted))));
  }
  result.accuracy = bootstrap_mean(right, seed, threads);
  result.log_loss = bootstrap_mean(loss, seed, threads);
}

void score_held_out(Classification& result, const Indices& rows, const std::vector<int64_t>& observed,
                    const OutOfFold& told, const Indices& training_texts) {
  Indices places;
  std::vector<int64_t> seen;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (training_texts[static_cast<size_t>(rows[i])] > 0) continue;
    places.push_back(static_cast<int64_t>(i));
    seen.push_back(observed[i]);
  }
  result.held_out_customers = std::ssize(places);
  if (result.held_out_customers < least_held_out || result.held_out_customers == std::ssize(rows)) return;
  result.held_out = result.sets.back();
  result.held_out->scores = score_classes(seen, gather_rows(MatrixRows(told.predicted), places),
                                          gather_rows(MatrixRows(told.baseline), places));
}

}  // namespace

bool has_many_classes(const CustomerColumn& column, const RegressionSettings& settings) {
  if (column.is_number || (settings.kind != "logistic" && settings.kind != "mlp")) return false;
  std::map<int32_t, int64_t> seen;
  for (const int32_t code : column.codes) {
    if (code >= 0) ++seen[code];
  }
  return seen.size() > 2;
}

Classification fit_classification(const RegressionSettings& settings, const CustomerColumn& column,
                                  const RegressionInputs& inputs, uint64_t seed, int threads) {
  Classification result;
  result.name = settings.target;
  result.settings = settings;
  result.folds = settings.folds;
  number_classes(result, column);
  const std::vector<FeatureSet> sets = feature_sets(inputs, settings.features, settings.target);
  const int64_t classes = std::ssize(result.classes), everyone = std::ssize(result.observed);
  Vector target(everyone);
  Indices rows;
  std::vector<int64_t> observed;
  std::vector<double> numbers;
  for (int64_t i = 0; i < everyone; ++i) {
    const int64_t of_customer = result.observed[static_cast<size_t>(i)];
    target[i] = of_customer < 0 ? nan : static_cast<double>(of_customer);
    if (of_customer < 0) continue;
    rows.push_back(i);
    observed.push_back(of_customer);
    numbers.push_back(target[i]);
  }
  result.customers = std::ssize(rows);
  result.missing = everyone - result.customers;
  const Indices folds = deal_folds(numbers, true, result.folds, seed, "profile/folds");
  const auto problem_of = [&](const FeatureSet& set) {
    return Problem{set, target, classes, settings, seed};
  };
  OutOfFold told;
  for (const FeatureSet& set : sets) {
    told = predict_out_of_fold(problem_of(set), rows, folds, result.folds, threads);
    result.sets.push_back({set.name, std::ssize(set.fixed.features),
                           components_for(problem_of(set), rows, "profile/inner/all"),
                           score_classes(observed, told.predicted, told.baseline)});
  }
  const FeatureSet& last = sets.back();
  add_intervals(result, observed, told.predicted, seed, threads);
  result.components = result.sets.back().components;
  result.features = last.fixed.features;
  result.model = fit(problem_of(last), rows, result.components);
  result.coefficients = coefficients_of(last, *result.model);
  result.predicted = result.baseline = Matrix::Constant(everyone, classes, nan);
  for (size_t i = 0; i < rows.size(); ++i) {
    result.predicted.row(rows[i]) = told.predicted.row(static_cast<int64_t>(i));
    result.baseline.row(rows[i]) = told.baseline.row(static_cast<int64_t>(i));
  }
  score_held_out(result, rows, observed, told, inputs.training_texts);
  return result;
}

}  // namespace limner
