#include "profile/profile.h"

#include <algorithm>
#include <memory>
#include <set>

#include "profile/principal.h"
#include "profile/report.h"
#include "profile/results.h"
#include "runtime/log.h"
#include "runtime/root_work.h"

namespace limner {
namespace {

constexpr int64_t kept_components = 128;

void check_inputs(const Run& run, const PreparedReader& prepared, const EmbeddingsReader& embeddings) {
  if (embeddings.rows() != prepared.rows() || embeddings.provenance().prepared_sha256 != prepared.sha256()) {
    fail(ExitCode::bad_data,
         "{} was extracted from another table ({} rows) than {} ({} rows); run `limner extract` again",
         run.embeddings().string(), embeddings.rows(), run.prepared().string(), prepared.rows());
  }
}

// The fields named in the configuration, before any work is done.
void check_fields(const ProfileSettings& settings, const PreparedReader& prepared) {
  for (const RegressionSettings& regression : settings.regressions) {
    require_field(prepared, regression.target, "profile.regressions: target");
    for (const std::string& name : regression.attributes) {
      require_field(prepared, name, "profile.regressions: attributes");
    }
  }
  for (const std::string& name : settings.fairness.groups) {
    const Field& field = require_field(prepared, name, "profile.fairness.groups");
    if (!field.of_customer || field.type != FieldType::category) {
      fail(ExitCode::bad_config, "profile.fairness.groups: field '{}' is not a category of customers", name);
    }
  }
}

// Attributes of one regression: those named, or every field of customers that is no target.
std::vector<CustomerColumn> attributes_of(const RegressionSettings& regression,
                                          const ProfileSettings& settings, const PreparedReader& prepared,
                                          const ProfileResults& results) {
  std::vector<CustomerColumn> attributes;
  if (regression.attributes.empty()) {
    std::set<std::string> targets;
    for (const RegressionSettings& other : settings.regressions) targets.insert(other.target);
    for (const CustomerColumn& column : results.columns) {
      if (!targets.contains(column.field)) attributes.push_back(column);
    }
    return attributes;
  }
  for (const std::string& name : regression.attributes) {
    for (CustomerColumn& column : field_columns(prepared, results.customers, name)) {
      attributes.push_back(std::move(column));
    }
  }
  return attributes;
}

// What segments are compared by: fields of customers, and targets averaged from rows.
std::vector<CustomerColumn> compared_columns(const ProfileSettings& settings, const PreparedReader& prepared,
                                             const ProfileResults& results) {
  std::vector<CustomerColumn> columns = results.columns;
  std::set<std::string> known;
  for (const RegressionSettings& regression : settings.regressions) {
    if (prepared.field(regression.target).of_customer || !known.insert(regression.target).second) continue;
    columns.push_back(field_column(prepared, results.customers, regression.target));
  }
  return columns;
}

void fit_regressions(const Run& run, const PreparedReader& prepared, const Matrix& components,
                     ProfileResults& results, Heartbeat& heartbeat) {
  const ProfileSettings& settings = run.settings.profile;
  RegressionInputs inputs;
  inputs.predictions = prediction_features(results.customers.heads);
  inputs.components = components;
  inputs.training_texts = results.customers.training_texts;
  for (const RegressionSettings& regression : settings.regressions) {
    heartbeat.beat();
    inputs.attributes = attribute_features(attributes_of(regression, settings, prepared, results));
    const CustomerColumn column = field_column(prepared, results.customers, regression.target);
    Regression& result = results.regressions.emplace_back(
        fit_regression(regression, make_target(column, regression), inputs,
                       static_cast<uint64_t>(run.settings.run.seed), run.threads()));
    result.head_saw_target =
        std::any_of(run.settings.train.heads.begin(), run.settings.train.heads.end(),
                    [&](const HeadSettings& head) { return head.field == regression.target; });
    const FeatureSetScores& scores = result.honest_scores();
    if (result.logistic()) {
      log_info("profile: {}: AUC {:.3f}, log loss {:.3f} (base rate {:.3f})", regression.target,
               scores.probability.auc, scores.probability.log_loss, scores.probability.baseline_log_loss);
    } else {
      log_info("profile: {}: R2 {:.3f}, RMSE {:.4g} (mean baseline {:.4g})", regression.target,
               scores.number.r2, scores.number.rmse, scores.number.baseline_rmse);
    }
    for (const std::string& group : settings.fairness.groups) {
      results.comparisons.push_back(compare_groups(field_column(prepared, results.customers, group), result));
    }
  }
}

void publish(const Run& run, const ProfileResults& results) {
  FolderWriter folder(run.profile_folder());
  write_profiles_hdf5(folder.path() / "profiles.h5", results);
  write_profiles_jsonl(folder.path() / "profiles.jsonl", results);
  write_json(folder.path() / "segments.json", segments_json(results));
  write_json(folder.path() / "regression.json", regression_json(results));
  write_json(folder.path() / "fairness.json", fairness_json(results));
  if (results.topics.count() > 0) {
    write_topics_hdf5(folder.path() / "topics.h5", results.topics);
    write_json(folder.path() / "topics.json", topics_json(results));
  }
  if (!results.recommendations.empty()) {
    write_recommendations_jsonl(folder.path() / "recommendations.jsonl", results);
    write_json(folder.path() / "recommendation.json", recommendation_json(results));
  }
  if (!results.actions.rules.empty())
    write_actions_csv(folder.path() / "actions.csv", results.actions, results.customers.ids);
  if (!results.actions.audiences.empty())
    write_audiences_csv(folder.path() / "audiences.csv", results.actions, results.customers.ids);
  write_file(folder.path() / "report.html", render_report(read_report_inputs(run, results)));
  folder.publish();
  log_info("profile: {}", (run.profile_folder() / "report.html").string());
}

}  // namespace

void profile(const Run& run) {
  const ProfileSettings& settings = run.settings.profile;
  const Communicator& ranks = run.communicator;
  const PreparedReader prepared(run.prepared());
  const EmbeddingsReader embeddings(run.embeddings(), EmbeddingsReader::Verify::sizes);
  check_inputs(run, prepared, embeddings);
  check_fields(settings, prepared);

  // What follows is shared work or rank 0's alone; everything found is kept on rank 0. Between its pieces a
  // signal is obeyed.
  ProfileResults results;
  Matrix components;
  results.customers = read_customers(prepared, embeddings, settings.half_life_days, ranks);
  work_on_root(ranks, "profile", [&](Heartbeat& heartbeat) {
    const Customers& customers = results.customers;
    if (customers.count() < settings.min_customers) {
      fail(ExitCode::bad_data, "{} has {} customers with texts; profile.min_customers is {}",
           run.prepared().string(), customers.count(), settings.min_customers);
    }
    const Geometry geometry = embeddings.provenance().normalize ? Geometry::cosine : Geometry::euclidean;
    results.segmentation = find_segments(customers.mean, geometry, settings.segments,
                                         static_cast<uint64_t>(run.settings.run.seed), run.threads());
    log_info("profile: {} customers in {} segments, silhouette {:.3f}", customers.count(),
             results.segmentation.count(), results.segmentation.silhouette);
    heartbeat.beat();
    components =
        principal_components(geometry == Geometry::cosine ? unit_rows(customers.mean) : customers.mean,
                             kept_components)
            .scores;
  });
  WordCutter cutter(settings.words);
  results.descriptions = describe_segments(prepared, embeddings, results.customers, results.segmentation,
                                           settings.report.show_texts, cutter, ranks);
  const Vocabulary vocabulary = count_vocabulary(prepared, cutter, settings.words, ranks);
  results.topics = find_topics(
      prepared, results.customers, cutter, vocabulary,
      {settings.topics, static_cast<uint64_t>(run.settings.run.seed), run.threads(), run.directory()}, ranks);
  results.key_phrases = find_key_phrases(prepared, results.customers, cutter, vocabulary,
                                         settings.words.keywords, settings.report.show_texts, ranks);
  results.recommendations =
      recommend_items(prepared, embeddings, settings.recommendations, ranks, run.threads());
  results.neighbors = nearest_customers(results.customers.mean, settings.neighbors, ranks, run.threads());
  work_on_root(ranks, "profile", [&](Heartbeat& heartbeat) {
    results.provenance = embeddings.provenance();
    results.settings_sha256 = sha256(print_section(run.settings, "profile"));
    results.has_items = prepared.has_items();
    results.columns = customer_columns(prepared, results.customers);
    results.traits = describe_traits(results.customers, compared_columns(settings, prepared, results),
                                     results.segmentation);
    heartbeat.beat();
    results.map = map_customers(components, run.threads());
    fit_regressions(run, prepared, components, results, heartbeat);
    heartbeat.beat();
    if (settings.rules) {
      const std::vector<CustomerColumn> table = customer_table(results);
      results.actions = apply_rules(read_rules(*settings.rules, table), table);
    }
    publish(run, results);
  });
}

}  // namespace limner
