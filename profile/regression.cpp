#include "profile/regression.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "profile/component_choice.h"
#include "profile/linear.h"
#include "runtime/error.h"
#include "runtime/parallel.h"
#include "runtime/random.h"

namespace limner {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr int64_t importance_repeats = 5;
constexpr int64_t most_judging = 20000;  // customers that importance is measured on

struct Problem {
  const FeatureSet& set;
  const Vector& target;
  const RegressionSettings& settings;
  Outcome outcome;
  uint64_t seed;
  bool two_classes() const { return outcome == Outcome::two_classes; }
};

CustomerModelPointer fit(const Problem& problem, const Indices& rows, int64_t components) {
  return fit_customer_model(problem.settings, problem.outcome, Design(problem.set, rows, components),
                            pick(problem.target, rows), problem.seed);
}

// By the out-of-fold loss of a linear model.
int64_t components_for(const Problem& of_kind, const Indices& rows, const std::string& purpose) {
  RegressionSettings settings = of_kind.settings;
  settings.kind = of_kind.two_classes() ? "logistic" : "ridge";
  const Problem problem{of_kind.set, of_kind.target, settings, of_kind.outcome, of_kind.seed};
  const auto loss = [&](const Indices& fitting, const Indices& asked, int64_t components) {
    const Vector predicted =
        predict_rows(*fit(problem, fitting, components), Design(problem.set, asked, components));
    const Vector observed = pick(problem.target, asked);
    if (!problem.two_classes()) return (predicted - observed).squaredNorm();
    const std::vector<double> seen(observed.begin(), observed.end()),
        told(predicted.begin(), predicted.end());
    return score_probabilities(seen, told, told).log_loss * static_cast<double>(seen.size());
  };
  return choose_components({problem.set, problem.target, problem.outcome, problem.seed}, rows, purpose, loss);
}

// A model of one fold, and the customers left out of it.
struct FoldModel {
  CustomerModelPointer model;
  int64_t components = 0;
  Indices asked;
  std::vector<size_t> places;  // of those, in `rows`
};

struct OutOfFold {
  std::vector<double> predicted, baseline;  // an entry of `rows` each
  std::vector<FoldModel> models;
};

OutOfFold predict_out_of_fold(const Problem& problem, const Indices& rows, const Indices& folds,
                              int64_t count, int threads) {
  OutOfFold result{std::vector<double>(rows.size()), std::vector<double>(rows.size()), {}};
  result.models.resize(static_cast<size_t>(count));
  parallel_for(count, threads, [&](int64_t fold) {
    FoldModel& of_fold = result.models[static_cast<size_t>(fold)];
    Indices fitting;
    split_fold(rows, folds, fold, fitting, of_fold.asked);
    for (size_t i = 0; i < rows.size(); ++i) {
      if (folds[i] == fold) of_fold.places.push_back(i);
    }
    of_fold.components = components_for(problem, fitting, fmt::format("profile/inner/{}", fold));
    of_fold.model = fit(problem, fitting, of_fold.components);
    const Vector predicted =
        predict_rows(*of_fold.model, Design(problem.set, of_fold.asked, of_fold.components));
    const double mean = pick(problem.target, fitting).mean();
    for (size_t i = 0; i < of_fold.places.size(); ++i) {
      result.predicted[of_fold.places[i]] = predicted[static_cast<int64_t>(i)];
      result.baseline[of_fold.places[i]] = mean;
    }
  });
  return result;
}

// R2 or ROC AUC.
double quality(bool two_classes, const std::vector<double>& observed, const std::vector<double>& predicted,
               const std::vector<double>& baseline) {
  return two_classes ? area_under_curve(observed, predicted)
                     : score_numbers(observed, predicted, baseline).r2;
}

// Columns [first, first + count) mixed among the customers asked.
Matrix permuted(const Matrix& features, int64_t first, int64_t count, const Random& random) {
  Matrix result = features;
  const Indices order = permutation(features.rows(), random);
  for (int64_t row = 0; row < features.rows(); ++row) {
    result.row(row).segment(first, count) =
        features.row(order[static_cast<size_t>(row)]).segment(first, count);
  }
  return result;
}

// The customers of each fold that importance is measured on, with what was predicted for them.
struct Judged {
  std::vector<Matrix> features;  // a fold each
  std::vector<double> observed, predicted, baseline;
  std::vector<std::vector<size_t>> places;  // of a fold's customers in these
};

Judged judged_customers(const Problem& problem, const std::vector<double>& observed, const OutOfFold& told) {
  Judged result;
  const int64_t most_a_fold = std::max<int64_t>(1, most_judging / std::ssize(told.models));
  for (size_t fold = 0; fold < told.models.size(); ++fold) {
    const FoldModel& model = told.models[fold];
    Indices all(model.asked.size());
    std::iota(all.begin(), all.end(), int64_t{0});
    Indices asked;
    std::vector<size_t>& places = result.places.emplace_back();
    for (const int64_t i :
         sample_rows(all, most_a_fold, problem.seed, fmt::format("profile/importance/{}", fold))) {
      const size_t place = model.places[static_cast<size_t>(i)];
      asked.push_back(model.asked[static_cast<size_t>(i)]);
      places.push_back(result.observed.size());
      result.observed.push_back(observed[place]);
      result.predicted.push_back(told.predicted[place]);
      result.baseline.push_back(told.baseline[place]);
    }
    result.features.push_back(all_rows(Design(problem.set, asked, model.components)));
  }
  return result;
}

// Columns that are permuted together.
struct FeatureGroup {
  Feature feature;
  int64_t first = 0, count = 1;
};

// Each fixed feature alone, but all of the word vectors together; the text components, whose number differs
// by fold, come last with the count 0.
std::vector<FeatureGroup> groups_of(const Problem& problem, const OutOfFold& told) {
  std::vector<FeatureGroup> groups;
  for (const Feature& feature : problem.set.fixed.features) {
    const int64_t first = groups.empty() ? 0 : groups.back().first + groups.back().count;
    if (feature.one_of_many() && !groups.empty() && groups.back().feature.source == feature.source) {
      ++groups.back().count;
    } else if (feature.one_of_many()) {
      groups.push_back({{"word vectors", feature.source, ""}, first, 1});
    } else {
      groups.push_back({feature, first, 1});
    }
  }
  const bool texts = std::any_of(told.models.begin(), told.models.end(),
                                 [](const FoldModel& fold) { return fold.components > 0; });
  if (texts) groups.push_back({{"texts", FeatureSource::component, ""}, problem.set.fixed.values.cols(), 0});
  return groups;
}

// What is lost out of fold when a feature is permuted (Breiman 2001).
std::vector<Importance> permutation_importance(const Problem& problem, const std::vector<double>& observed,
                                               const OutOfFold& told, int threads) {
  const Judged judged = judged_customers(problem, observed, told);
  const double whole = quality(problem.two_classes(), judged.observed, judged.predicted, judged.baseline);
  std::vector<Importance> result;
  for (const FeatureGroup& group : groups_of(problem, told)) {
    std::vector<double> losses;
    for (int64_t repeat = 0; repeat < importance_repeats; ++repeat) {
      std::vector<double> predicted(judged.observed.size());
      parallel_for(std::ssize(told.models), threads, [&](int64_t fold) {
        const auto index = static_cast<size_t>(fold);
        const FoldModel& model = told.models[index];
        const Random random(problem.seed, fmt::format("profile/importance/{}/{}", group.first, repeat),
                            static_cast<uint64_t>(fold));
        const Vector values = model.model->predict(permuted(
            judged.features[index], group.first, group.count > 0 ? group.count : model.components, random));
        for (size_t i = 0; i < judged.places[index].size(); ++i)
          predicted[judged.places[index][i]] = values[static_cast<int64_t>(i)];
      });
      losses.push_back(whole - quality(problem.two_classes(), judged.observed, predicted, judged.baseline));
    }
    const Eigen::Map<const Vector> loss(losses.data(), std::ssize(losses));
    const double mean = loss.mean();
    result.push_back({group.feature, mean, std::sqrt((loss.array() - mean).square().mean())});
  }
  std::stable_sort(result.begin(), result.end(),
                   [](const Importance& a, const Importance& b) { return a.loss > b.loss; });
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

std::vector<Coefficient> coefficients_of(const FeatureSet& set, const CustomerModel& fitted) {
  std::vector<Coefficient> result;
  if (!fitted.linear()) return result;
  const LinearModel& model = *fitted.linear();
  const Standardizer& standardizer = *fitted.standardizer();
  for (size_t i = 0; i < set.fixed.features.size(); ++i) {
    const auto column = static_cast<int64_t>(i);
    const double deviation = standardizer.deviation[column];
    // Constant among the customers with a target, or no feature by itself.
    if (deviation == 0 || set.fixed.features[i].one_of_many()) continue;
    const double slope = model.coefficients[column];
    result.push_back({set.fixed.features[i], standardizer.mean[column], deviation, slope,
                      model.standard_errors[column], slope / deviation});
  }
  std::stable_sort(result.begin(), result.end(), [](const Coefficient& a, const Coefficient& b) {
    return std::abs(a.per_deviation) > std::abs(b.per_deviation);
  });
  return result;
}

void score_held_out(Regression& result, const Indices& rows, const std::vector<double>& observed,
                    const OutOfFold& told, const Indices& training_texts) {
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
  score(*result.held_out, result.two_classes(), seen, part);
}

// Calibration and the threshold, of two classes; `told` is corrected.
void calibrate(Regression& result, const std::vector<double>& observed, const Indices& folds,
               OutOfFold& told) {
  const std::vector<double> raw = told.predicted;
  for (const char* method : {"none", "platt", "isotonic", "temperature"}) {
    const std::vector<double> corrected = calibrate_out_of_fold(method, observed, raw, folds);
    const ProbabilityScores scores = score_probabilities(observed, corrected, told.baseline);
    result.calibrations.push_back(
        {method, calibration_error(observed, corrected), scores.log_loss, scores.brier});
    if (result.settings.calibration == method) told.predicted = corrected;
  }
  result.uncalibrated = raw;
  result.calibration = fit_calibration(result.settings.calibration, observed, raw);
  result.decision = choose_threshold(observed, told.predicted, result.settings.costs);
}

}  // namespace

Regression fit_regression(const RegressionSettings& settings, Target target, const RegressionInputs& inputs,
                          uint64_t seed, int threads) {
  Regression result;
  const std::vector<FeatureSet> sets = feature_sets(inputs, settings.features, settings.target);
  result.settings = settings;
  result.target = std::move(target);
  result.name = settings.target;
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
  const int64_t scarce = result.two_classes() ? smaller_class(pick(target_values, rows)) : result.customers;
  if (scarce < (result.two_classes() ? 2 : 3)) {
    fail(ExitCode::bad_data, "regression of '{}': only {} customers {}; too few for folds", settings.target,
         scarce, result.two_classes() ? "are in the smaller class" : "have a value");
  }
  result.folds = std::min(settings.folds, scarce);
  const Indices folds = deal_folds(observed, result.two_classes(), result.folds, seed, "profile/folds");

  result.predicted.assign(values.size(), nan);
  result.baseline.assign(values.size(), nan);
  result.fold.assign(values.size(), -1);
  const auto problem_of = [&](const FeatureSet& set) {
    return Problem{set, target_values, settings, result.target.outcome, seed};
  };
  OutOfFold told;
  for (const FeatureSet& set : sets) {
    const Problem problem = problem_of(set);
    told = predict_out_of_fold(problem, rows, folds, result.folds, threads);
    FeatureSetScores& scores = result.sets.emplace_back();
    scores.name = set.name;
    scores.features = std::ssize(set.fixed.features);
    scores.components = components_for(problem, rows, "profile/inner/all");
    score(scores, result.two_classes(), observed, told);
  }
  const FeatureSet& last = sets.back();
  result.importance = permutation_importance(problem_of(last), observed, told, threads);
  if (result.two_classes()) {
    calibrate(result, observed, folds, told);
    score(result.sets.back(), true, observed, told);
    result.intervals = bootstrap_probabilities(observed, told.predicted, seed, threads);
  } else {
    result.intervals = bootstrap_numbers(observed, told.predicted, told.baseline, seed, threads);
  }
  result.associations = associate(last.fixed, target_values);
  result.components = result.sets.back().components;
  result.features = last.fixed.features;
  result.model = fit(problem_of(last), rows, result.components);
  if (settings.kind == "ridge") result.settings.l2.value = result.model->linear()->l2;  // the chosen one
  result.coefficients = coefficients_of(last, *result.model);
  for (size_t i = 0; i < rows.size(); ++i) {
    result.predicted[static_cast<size_t>(rows[i])] = told.predicted[i];
    result.baseline[static_cast<size_t>(rows[i])] = told.baseline[i];
    result.fold[static_cast<size_t>(rows[i])] = folds[i];
  }
  score_held_out(result, rows, observed, told, inputs.training_texts);
  return result;
}

}  // namespace limner
