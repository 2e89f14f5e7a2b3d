#include "profile/fit_models.h"

#include <algorithm>
#include <set>

#include "profile/behaviour.h"
#include "runtime/log.h"

namespace limner {
namespace {

std::set<std::string> targets_of(const ProfileSettings& settings) {
  std::set<std::string> targets;
  for (const RegressionSettings& regression : settings.regressions) targets.insert(regression.target);
  return targets;
}

// The target, with the kind where it has several models.
std::string name_of(const RegressionSettings& regression, const ProfileSettings& settings) {
  const auto same =
      std::count_if(settings.regressions.begin(), settings.regressions.end(),
                    [&](const RegressionSettings& other) { return other.target == regression.target; });
  return same == 1 ? regression.target : regression.target + "." + regression.kind;
}

// Attributes of one regression: those named, or every field of customers that is no target.
std::vector<CustomerColumn> attributes_of(const RegressionSettings& regression,
                                          const ProfileSettings& settings, const PreparedReader& prepared,
                                          const ProfileResults& results) {
  if (regression.attributes.empty()) return explaining_columns(settings, results);
  std::vector<CustomerColumn> attributes;
  for (const std::string& name : regression.attributes) {
    for (CustomerColumn& column : field_columns(prepared, results.customers, name)) {
      attributes.push_back(std::move(column));
    }
  }
  return attributes;
}

// Does any model read that group of features?
bool wants(const ProfileSettings& settings, const char* group) {
  return std::any_of(settings.regressions.begin(), settings.regressions.end(),
                     [&](const RegressionSettings& regression) {
                       return std::count(regression.features.begin(), regression.features.end(), group) > 0;
                     });
}

}  // namespace

std::vector<CustomerColumn> explaining_columns(const ProfileSettings& settings,
                                               const ProfileResults& results) {
  const std::set<std::string> targets = targets_of(settings);
  std::vector<CustomerColumn> columns;
  for (const CustomerColumn& column : results.columns) {
    if (!targets.contains(column.field)) columns.push_back(column);
  }
  return columns;
}

bool wants_word_vectors(const ProfileSettings& settings) {
  return settings.segments.vectors == "word_vectors" || wants(settings, "word_vectors");
}

void fit_models(const Run& run, const PreparedReader& prepared, Matrix components, ProfileResults& results,
                Heartbeat& heartbeat) {
  const ProfileSettings& settings = run.settings.profile;
  const auto seed = static_cast<uint64_t>(run.settings.run.seed);
  RegressionInputs inputs;
  inputs.predictions = prediction_features(results.customers.heads);
  inputs.components = std::move(components);
  inputs.training_texts = results.customers.training_texts;
  inputs.texts = results.customers.have_texts();
  inputs.topics = topic_features(results.topics.customers);
  if (wants(settings, "word_vectors"))
    inputs.word_vectors = word_vector_features(results.word_vectors.customers);
  if (wants(settings, "behaviour"))
    inputs.behaviour = behaviour_features(behaviour_columns(prepared, results.customers));
  for (const RegressionSettings& regression : settings.regressions) {
    heartbeat.beat();
    inputs.attributes = attribute_features(attributes_of(regression, settings, prepared, results));
    const CustomerColumn column = field_column(prepared, results.customers, regression.target);
    const bool head_saw_target =
        std::any_of(run.settings.train.heads.begin(), run.settings.train.heads.end(),
                    [&](const HeadSettings& head) { return head.field == regression.target; });
    if (has_many_classes(column, regression)) {
      Classification& result = results.classifications.emplace_back(
          fit_classification(regression, column, inputs, seed, run.threads()));
      result.name = name_of(regression, settings);
      result.head_saw_target = head_saw_target;
      const ClassScores& scores = result.sets.back().scores;
      log_info("profile: {}: accuracy {:.3f} (largest class {:.3f}), log loss {:.3f}", result.name,
               scores.accuracy, scores.baseline_accuracy, scores.log_loss);
      continue;
    }
    Regression& result = results.regressions.emplace_back(
        fit_regression(regression, make_target(column, regression), inputs, seed, run.threads()));
    result.name = name_of(regression, settings);
    result.head_saw_target = head_saw_target;
    const FeatureSetScores& scores = result.honest_scores();
    if (result.two_classes()) {
      log_info("profile: {}: AUC {:.3f}, log loss {:.3f} (base rate {:.3f})", result.name,
               scores.probability.auc, scores.probability.log_loss, scores.probability.baseline_log_loss);
    } else {
      log_info("profile: {}: R2 {:.3f}, RMSE {:.4g} (mean baseline {:.4g})", result.name, scores.number.r2,
               scores.number.rmse, scores.number.baseline_rmse);
    }
    for (const std::string& group : settings.fairness.groups) {
      results.comparisons.push_back(compare_groups(field_column(prepared, results.customers, group), result));
    }
  }
}

}  // namespace limner
