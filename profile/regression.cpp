#include "profile/regression.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "profile/linear.h"
#include "runtime/error.h"
#include "runtime/parallel.h"
#include "runtime/random.h"

namespace limner {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr int64_t inner_folds = 3;
constexpr int64_t most_components = 128;
constexpr int64_t least_held_out = 10;

using Indices = std::vector<int64_t>;

// Features of one set: `fixed` columns always enter, of `components` the first few.
struct FeatureSet {
  std::string name;
  FeatureTable fixed;
  Matrix components;
};

struct Problem {
  const FeatureSet& set;
  const Vector& target;
  bool logistic;
  double l2;
  uint64_t seed;
};

Matrix design(const FeatureSet& set, const Indices& rows, int64_t components) {
  Matrix result(std::ssize(rows), set.fixed.values.cols() + components);
  for (int64_t i = 0; i < result.rows(); ++i) {
    const int64_t row = rows[static_cast<size_t>(i)];
    if (set.fixed.values.cols() > 0) result.row(i).head(set.fixed.values.cols()) = set.fixed.values.row(row);
    if (components > 0) result.row(i).tail(components) = set.components.row(row).head(components);
  }
  return result;
}

Vector pick(const Vector& values, const Indices& rows) {
  Vector result(std::ssize(rows));
  for (int64_t i = 0; i < result.size(); ++i) result[i] = values[rows[static_cast<size_t>(i)]];
  return result;
}

LinearModel fit(const Problem& problem, const Matrix& features, const Vector& target) {
  return problem.logistic ? fit_logistic(features, target, problem.l2)
                          : fit_ridge(features, target, problem.l2);
}

Vector fit_and_predict(const Problem& problem, const Indices& fitting, const Indices& asked,
                       int64_t components) {
  const Matrix features = design(problem.set, fitting, components);
  const Standardizer standardizer(features);
  const LinearModel model = fit(problem, standardizer.apply(features), pick(problem.target, fitting));
  const Matrix of_asked = standardizer.apply(design(problem.set, asked, components));
  return problem.logistic ? probabilities(model, of_asked) : model.linear(of_asked);
}

void split_fold(const Indices& rows, const Indices& folds, int64_t fold, Indices& fitting, Indices& asked) {
  for (size_t i = 0; i < rows.size(); ++i) (folds[i] == fold ? asked : fitting).push_back(rows[i]);
}

int64_t smaller_class(const Vector& target) {
  const auto positives = static_cast<int64_t>(target.sum());
  return std::min(positives, static_cast<int64_t>(target.size()) - positives);
}

// The number of components with the least inner out-of-fold loss; the smaller on a tie.
int64_t choose_components(const Problem& problem, const Indices& rows, const std::string& purpose) {
  const int64_t limit = std::min({problem.set.components.cols(), most_components, std::ssize(rows) / 3});
  const Vector target = pick(problem.target, rows);
  const bool too_few =
      problem.logistic ? smaller_class(target) < inner_folds : std::ssize(rows) < 2 * inner_folds;
  if (limit == 0 || too_few) return 0;
  const Indices folds = deal_folds({target.data(), target.data() + target.size()}, problem.logistic,
                                   inner_folds, problem.seed, purpose);
  int64_t best = 0;
  double best_loss = std::numeric_limits<double>::infinity();
  for (int64_t components = 0; components <= limit; components = std::max<int64_t>(1, components * 2)) {
    double loss = 0;
    for (int64_t fold = 0; fold < inner_folds; ++fold) {
      Indices fitting, asked;
      split_fold(rows, folds, fold, fitting, asked);
      const Vector predicted = fit_and_predict(problem, fitting, asked, components);
      const Vector observed = pick(problem.target, asked);
      if (problem.logistic) {
        const std::vector<double> seen(observed.begin(), observed.end()),
            told(predicted.begin(), predicted.end());
        loss += score_probabilities(seen, told, told).log_loss * static_cast<double>(seen.size());
      } else {
        loss += (predicted - observed).squaredNorm();
      }
    }
    if (loss < best_loss * (1 - 1e-9)) {
      best_loss = loss;
      best = components;
    }
  }
  return best;
}

struct OutOfFold {
  std::vector<double> predicted, baseline;  // an entry of `rows` each
};

OutOfFold predict_out_of_fold(const Problem& problem, const Indices& rows, const Indices& folds,
                              int64_t count, int threads) {
  OutOfFold result{std::vector<double>(rows.size()), std::vector<double>(rows.size())};
  parallel_for(count, threads, [&](int64_t fold) {
    Indices fitting, asked;
    split_fold(rows, folds, fold, fitting, asked);
    const int64_t components = choose_components(problem, fitting, fmt::format("profile/inner/{}", fold));
    const Vector predicted = fit_and_predict(problem, fitting, asked, components);
    const double mean = pick(problem.target, fitting).mean();
    int64_t next = 0;
    for (size_t i = 0; i < rows.size(); ++i) {
      if (folds[i] != fold) continue;
      result.predicted[i] = predicted[next++];
      result.baseline[i] = mean;
    }
  });
  return result;
}

void score(FeatureSetScores& scores, bool logistic, const std::vector<double>& observed,
           const OutOfFold& told) {
  if (logistic) {
    scores.probability = score_probabilities(observed, told.predicted, told.baseline);
  } else {
    scores.number = score_numbers(observed, told.predicted, told.baseline);
  }
}

std::vector<Coefficient> coefficients_of(const Problem& problem, const Indices& rows, int64_t components) {
  const Matrix features = design(problem.set, rows, components);
  const Standardizer standardizer(features);
  const LinearModel model = fit(problem, standardizer.apply(features), pick(problem.target, rows));
  std::vector<Coefficient> result;
  for (size_t i = 0; i < problem.set.fixed.features.size(); ++i) {
    const auto column = static_cast<int64_t>(i);
    const double deviation = standardizer.deviation[column];
    if (deviation == 0) continue;  // constant among the customers with a target
    const double slope = model.coefficients[column];
    result.push_back({problem.set.fixed.features[i], standardizer.mean[column], deviation, slope,
                      model.standard_errors[column], slope / deviation});
  }
  std::stable_sort(result.begin(), result.end(), [](const Coefficient& a, const Coefficient& b) {
    return std::abs(a.per_deviation) > std::abs(b.per_deviation);
  });
  return result;
}

std::vector<FeatureSet> feature_sets(const RegressionInputs& inputs) {
  std::vector<FeatureSet> sets;
  const bool attributes = !inputs.attributes.features.empty();
  if (attributes) sets.push_back({"attributes", inputs.attributes, Matrix(inputs.components.rows(), 0)});
  sets.push_back({"texts", inputs.predictions, inputs.components});
  if (attributes) {
    sets.push_back({"attributes and texts", join(inputs.attributes, inputs.predictions), inputs.components});
  }
  return sets;
}

void score_held_out(Regression& result, const Indices& rows, const std::vector<double>& observed,
                    const OutOfFold& told, const std::vector<int64_t>& training_texts) {
  std::vector<double> seen;
  OutOfFold part;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (training_texts[static_cast<size_t>(rows[i])] > 0) continue;
    seen.push_back(observed[i]);
    part.predicted.push_back(told.predicted[i]);
    part.baseline.push_back(told.baseline[i]);
  }
  result.held_out_customers = std::ssize(seen);
  if (result.held_out_customers < least_held_out || result.held_out_customers == std::ssize(rows)) return;
  result.held_out = result.sets.back();
  score(*result.held_out, result.logistic(), seen, part);
}

}  // namespace

Target make_target(const CustomerColumn& column, const RegressionSettings& settings) {
  Target target{settings.target, {}, "", ""};
  const auto wrong = [&](const std::string& what) {
    fail(ExitCode::bad_config, "profile.regressions: target '{}' {}", settings.target, what);
  };
  std::vector<double> values;
  if (column.is_number) {
    values = column.numbers;
  } else {
    for (const int32_t code : column.codes) values.push_back(code < 0 ? nan : code);
  }
  std::vector<double> distinct;
  for (const double value : values) {
    if (!std::isnan(value)) distinct.push_back(value);
  }
  if (distinct.empty())
    fail(ExitCode::bad_data, "target '{}' is missing for every customer", settings.target);
  std::sort(distinct.begin(), distinct.end());
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());

  if (settings.kind == "ridge") {
    if (!column.is_number)
      wrong("is a category; ridge predicts a number (kind: logistic predicts two categories)");
  } else {
    if (distinct.size() > 2)
      wrong(fmt::format("has {} different values; logistic wants two", distinct.size()));
    const auto name = [&](double value) {
      return column.is_number ? fmt::format("{}", value) : column.categories[static_cast<size_t>(value)];
    };
    if (distinct.size() == 2) {
      target.negative = name(distinct[0]);
      target.positive = name(distinct[1]);
      for (double& value : values) {
        if (!std::isnan(value)) value = value == distinct[1] ? 1 : 0;
      }
    }
  }
  if (distinct.size() < 2) {
    fail(ExitCode::bad_data, "target '{}' has the same value for every customer: nothing can be predicted",
         settings.target);
  }
  target.values = std::move(values);
  return target;
}

std::vector<int64_t> deal_folds(const std::vector<double>& target, bool by_class, int64_t folds,
                                uint64_t seed, const std::string& purpose) {
  const std::vector<int64_t> order = permutation(std::ssize(target), Random(seed, purpose));
  std::vector<int64_t> result(target.size());
  int64_t dealt = 0;
  for (const double wanted : by_class ? std::vector<double>{1, 0} : std::vector<double>{0}) {
    for (const int64_t index : order) {
      if (by_class && target[static_cast<size_t>(index)] != wanted) continue;
      result[static_cast<size_t>(index)] = dealt++ % folds;
    }
  }
  return result;
}

Regression fit_regression(const RegressionSettings& settings, Target target, const RegressionInputs& inputs,
                          uint64_t seed, int threads) {
  Regression result;
  result.settings = settings;
  result.target = std::move(target);
  const std::vector<double>& values = result.target.values;
  Indices rows;
  std::vector<double> observed;
  for (size_t i = 0; i < values.size(); ++i) {
    if (std::isnan(values[i])) continue;
    rows.push_back(static_cast<int64_t>(i));
    observed.push_back(values[i]);
  }
  result.customers = std::ssize(rows);
  result.missing = std::ssize(values) - result.customers;
  const Vector target_values = Eigen::Map<const Vector>(values.data(), std::ssize(values));
  const int64_t scarce = result.logistic() ? smaller_class(pick(target_values, rows)) : result.customers;
  if (scarce < (result.logistic() ? 2 : 3)) {
    fail(ExitCode::bad_data, "regression of '{}': only {} customers {}; too few for folds", settings.target,
         scarce, result.logistic() ? "are in the smaller class" : "have a value");
  }
  result.folds = std::min(settings.folds, scarce);
  const Indices folds = deal_folds(observed, result.logistic(), result.folds, seed, "profile/folds");

  result.predicted.assign(values.size(), nan);
  result.baseline.assign(values.size(), nan);
  OutOfFold told;
  for (const FeatureSet& set : feature_sets(inputs)) {
    const Problem problem{set, target_values, result.logistic(), settings.l2, seed};
    told = predict_out_of_fold(problem, rows, folds, result.folds, threads);
    FeatureSetScores& scores = result.sets.emplace_back();
    scores.name = set.name;
    scores.features = std::ssize(set.fixed.features);
    scores.components = choose_components(problem, rows, "profile/inner/all");
    score(scores, result.logistic(), observed, told);
    result.coefficients = coefficients_of(problem, rows, scores.components);
  }
  for (size_t i = 0; i < rows.size(); ++i) {
    result.predicted[static_cast<size_t>(rows[i])] = told.predicted[i];
    result.baseline[static_cast<size_t>(rows[i])] = told.baseline[i];
  }
  score_held_out(result, rows, observed, told, inputs.training_texts);
  return result;
}

}  // namespace limner
