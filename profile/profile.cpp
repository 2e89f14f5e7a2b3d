#include "profile/profile.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <set>

#include "profile/behaviour.h"
#include "profile/customer_vectors.h"
#include "profile/new_customers.h"
#include "profile/principal.h"
#include "profile/report.h"
#include "profile/results.h"
#include "profile/saved_models.h"
#include "profile/words_file.h"
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
  std::set<std::pair<std::string, std::string>> models;
  for (const RegressionSettings& regression : settings.regressions) {
    if (models.emplace(regression.target, regression.kind).second) continue;
    fail(ExitCode::bad_config, "profile.regressions: '{}' has two models of the kind {}; leave one out",
         regression.target, regression.kind);
  }
  for (const std::string& name : settings.fairness.groups) {
    const Field& field = require_field(prepared, name, "profile.fairness.groups");
    if (!field.of_customer || field.type != FieldType::category) {
      fail(ExitCode::bad_config, "profile.fairness.groups: field '{}' is not a category of customers", name);
    }
  }
}

std::set<std::string> targets_of(const ProfileSettings& settings) {
  std::set<std::string> targets;
  for (const RegressionSettings& regression : settings.regressions) targets.insert(regression.target);
  return targets;
}

// Fields of customers that are no target.
std::vector<CustomerColumn> explaining_columns(const ProfileSettings& settings,
                                               const ProfileResults& results) {
  const std::set<std::string> targets = targets_of(settings);
  std::vector<CustomerColumn> columns;
  for (const CustomerColumn& column : results.columns) {
    if (!targets.contains(column.field)) columns.push_back(column);
  }
  return columns;
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

bool wants_behaviour(const ProfileSettings& settings) {
  return std::any_of(
      settings.regressions.begin(), settings.regressions.end(), [](const RegressionSettings& regression) {
        return std::count(regression.features.begin(), regression.features.end(), "behaviour") > 0;
      });
}

void fit_regressions(const Run& run, const PreparedReader& prepared, const Matrix& components,
                     ProfileResults& results, Heartbeat& heartbeat) {
  const ProfileSettings& settings = run.settings.profile;
  const auto seed = static_cast<uint64_t>(run.settings.run.seed);
  RegressionInputs inputs;
  inputs.predictions = prediction_features(results.customers.heads);
  inputs.components = components;
  inputs.training_texts = results.customers.training_texts;
  inputs.texts = results.customers.have_texts();
  inputs.topics = topic_features(results.topics.customers);
  if (wants_behaviour(settings))
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

void publish(const Run& run, const ProfileResults& results, const PrincipalComponents& components,
             const AttributeVectors* attributes, FolderWriter& folder) {
  write_profiles_hdf5(folder.path() / "profiles.h5", results);
  write_profiles_jsonl(folder.path() / "profiles.jsonl", results);
  write_json(folder.path() / "segments.json", segments_json(results));
  write_json(folder.path() / "regression.json", regression_json(results));
  write_json(folder.path() / "fairness.json", fairness_json(results));
  if (results.customers.have_texts()) write_json(folder.path() / "texts.json", texts_json(results));
  write_tables_csv(folder.path(), results);
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
  write_models(folder.path() / "models", results, components, attributes);
  folder.publish();
  log_info("profile: {}", (run.profile_folder() / "report.html").string());
}

void check_customers(const Run& run, const Customers& customers) {
  if (customers.count() >= run.settings.profile.min_customers) return;
  fail(ExitCode::bad_data, "{} has {} customers{}; profile.min_customers is {}", run.prepared().string(),
       customers.count(), customers.have_texts() ? " with texts" : "", run.settings.profile.min_customers);
}

// Segments, and the principal components of what they are made of.
PrincipalComponents segment_customers(const Run& run, Geometry geometry, ProfileResults& results,
                                      Heartbeat& heartbeat) {
  const MatrixRows vectors(results.customers.mean);
  results.segmentation = find_segments(vectors, geometry, run.settings.profile.segments,
                                       static_cast<uint64_t>(run.settings.run.seed), run.threads());
  log_info("profile: {} customers in {} segments, silhouette {:.3f}", results.customers.count(),
           results.segmentation.count(), results.segmentation.silhouette);
  heartbeat.beat();
  const UnitRows unit(vectors);
  return geometry == Geometry::cosine ? principal_components(unit, kept_components, run.threads())
                                      : principal_components(vectors, kept_components, run.threads());
}

// What both ways end with, on rank 0. components: of the segments' vectors; attributes: those, without texts.
void finish(const Run& run, const PreparedReader& prepared, const PrincipalComponents& components,
            const AttributeVectors* attributes, FolderWriter& folder, ProfileResults& results,
            Heartbeat& heartbeat) {
  const ProfileSettings& settings = run.settings.profile;
  results.language = report_language(run);
  results.settings_sha256 = sha256(print_section(run.settings, "profile"));
  results.has_items = prepared.has_items();
  results.traits =
      describe_traits(results.customers, compared_columns(settings, prepared, results), results.segmentation);
  heartbeat.beat();
  results.map = map_customers(components.scores, run.threads());
  fit_regressions(run, prepared, attributes ? Matrix(components.scores.rows(), 0) : components.scores,
                  results, heartbeat);
  heartbeat.beat();
  if (settings.rules) {
    const std::vector<CustomerColumn> table = customer_table(results);
    results.actions = apply_rules(read_rules(*settings.rules, table), table);
  }
  publish(run, results, components, attributes, folder);
}

// The folder whose model made the vectors; "" where there is none.
fs::path checkpoint_of(const Run& run) {
  const std::string& name = run.settings.extract.checkpoint;
  if (name == "best") return run.checkpoints() / "best";
  if (name != "last") return name;
  fs::path newest;  // step-<eight digits>
  if (fs::is_directory(run.checkpoints())) {
    for (const fs::directory_entry& entry : fs::directory_iterator(run.checkpoints())) {
      if (entry.path().filename().string().starts_with("step-")) newest = std::max(newest, entry.path());
    }
  }
  return newest;
}

// What the words of the texts tell: all of it shared work.
void profile_words(const Run& run, const PreparedReader& prepared, const EmbeddingsReader& embeddings,
                   const std::optional<FolderWriter>& folder, ProfileResults& results) {
  const ProfileSettings& settings = run.settings.profile;
  const Communicator& ranks = run.communicator;
  const fs::path place = folder ? folder->path() : fs::path();
  WordCutter cutter(settings.words);
  results.descriptions = describe_segments(prepared, embeddings, results.customers, results.segmentation,
                                           settings.report.show_texts, cutter, ranks);
  const Vocabulary vocabulary = count_vocabulary(prepared, cutter, settings.words, ranks);
  results.topics = find_topics(
      prepared, results.customers, cutter, vocabulary,
      {settings.topics, static_cast<uint64_t>(run.settings.run.seed), run.threads(), run.directory()}, ranks);
  results.key_phrases = find_key_phrases(prepared, results.customers, cutter, vocabulary,
                                         settings.words.keywords, settings.report.show_texts, ranks);
  results.sentiment = measure_sentiment(prepared, results.customers, Lexicon(settings.words.lexicon),
                                        run.settings.train.heads, ranks);
  if (settings.words.vectors) {
    results.word_vectors = average_word_vectors(prepared, results.customers, cutter, vocabulary,
                                                *settings.words.vectors, place / "word_vectors", ranks);
  }
  if (settings.words.bags) write_words_hdf5(place / "words.h5", prepared, cutter, vocabulary, ranks);
  results.unknown_tokens = count_unknown_tokens(
      prepared, checkpoint_of(run), embeddings.provenance().tokenizer_sha256, run.threads(), ranks);
}

// Customers by what they wrote. What follows on all ranks is shared work; everything found is kept on rank 0.
void profile_texts(const Run& run, const PreparedReader& prepared) {
  const ProfileSettings& settings = run.settings.profile;
  const Communicator& ranks = run.communicator;
  const EmbeddingsReader embeddings(run.embeddings(), EmbeddingsReader::Verify::sizes);
  check_inputs(run, prepared, embeddings);
  // What follows is shared work or rank 0's alone; everything found is kept on rank 0. Between its pieces a
  // signal is obeyed.
  ProfileResults results;
  PrincipalComponents components;
  std::optional<FolderWriter> folder;  // of rank 0
  results.customers = read_customers(prepared, embeddings, settings.half_life_days, ranks);
  work_on_root(ranks, "profile", [&](Heartbeat& heartbeat) {
    check_customers(run, results.customers);
    folder.emplace(run.profile_folder());
    add_customer_vectors(prepared, embeddings, results.customers, heartbeat);
    const Geometry geometry = embeddings.provenance().normalize ? Geometry::cosine : Geometry::euclidean;
    components = segment_customers(run, geometry, results, heartbeat);
  });
  profile_words(run, prepared, embeddings, folder, results);
  results.recommendations =
      recommend_items(prepared, embeddings, settings.recommendations,
                      static_cast<uint64_t>(run.settings.run.seed), ranks, run.threads());
  results.neighbors = nearest_customers(results.customers.mean, settings.neighbors, ranks, run.threads());
  work_on_root(ranks, "profile", [&](Heartbeat& heartbeat) {
    results.provenance = embeddings.provenance();
    results.columns = customer_columns(prepared, results.customers);
    finish(run, prepared, components, nullptr, *folder, results, heartbeat);
  });
}

// Customers by their attributes alone.
void profile_attributes(const Run& run, const PreparedReader& prepared) {
  const ProfileSettings& settings = run.settings.profile;
  const Communicator& ranks = run.communicator;
  ProfileResults results;
  std::optional<AttributeVectors> attributes;  // of rank 0
  PrincipalComponents components;
  work_on_root(ranks, "profile", [&](Heartbeat& heartbeat) {
    results.customers = read_customers_without_texts(prepared);
    check_customers(run, results.customers);
    results.columns = customer_columns(prepared, results.customers);
    attributes = attribute_vectors(explaining_columns(settings, results));
    results.customers.mean = attributes->values;
    components = segment_customers(run, Geometry::euclidean, results, heartbeat);
    results.descriptions.resize(static_cast<size_t>(results.segmentation.count()));
  });
  results.neighbors = nearest_customers(results.customers.mean, settings.neighbors, ranks, run.threads());
  work_on_root(ranks, "profile", [&](Heartbeat& heartbeat) {
    results.provenance.rows = prepared.rows();
    results.provenance.prepared_sha256 = prepared.sha256();
    FolderWriter folder(run.profile_folder());
    finish(run, prepared, components, &*attributes, folder, results, heartbeat);
  });
}

}  // namespace

void profile(const Run& run) {
  if (run.settings.profile.fitted_from) {
    profile_new_customers(run);
    return;
  }
  const PreparedReader prepared(run.prepared());
  check_fields(run.settings.profile, prepared);
  if (prepared.has_texts()) {
    profile_texts(run, prepared);
  } else {
    profile_attributes(run, prepared);
  }
}

}  // namespace limner
