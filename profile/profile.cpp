#include "profile/profile.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <set>

#include "profile/component_choice.h"
#include "profile/customer_vectors.h"
#include "profile/fit_models.h"
#include "profile/new_customers.h"
#include "profile/principal.h"
#include "profile/report.h"
#include "profile/results.h"
#include "profile/saved_models.h"
#include "profile/saved_words.h"
#include "profile/words_file.h"
#include "runtime/log.h"
#include "runtime/root_work.h"

namespace limner {
namespace {

void check_inputs(const Run& run, const PreparedReader& prepared, const EmbeddingsReader& embeddings) {
  if (embeddings.rows() != prepared.rows() || embeddings.provenance().prepared_sha256 != prepared.sha256()) {
    fail(ExitCode::bad_data,
         "{} was extracted from another table ({} rows) than {} ({} rows); run `limner extract` again",
         run.embeddings().string(), embeddings.rows(), run.prepared().string(), prepared.rows());
  }
}

// What is named in the configuration, before any work is done.
void check_settings(const ProfileSettings& settings, const PreparedReader& prepared) {
  for (const RegressionSettings& regression : settings.regressions) {
    require_field(prepared, regression.target, "profile.regressions: target");
    for (const std::string& name : regression.attributes) {
      require_field(prepared, name, "profile.regressions: attributes");
    }
  }
  if (wants_word_vectors(settings) && !settings.words.vectors) {
    fail(ExitCode::bad_config,
         "profile.segments.vectors or profile.regressions: features name word_vectors; set "
         "profile.words.vectors to a file of them");
  }
  if (wants_word_vectors(settings) && !prepared.has_texts()) {
    fail(ExitCode::bad_config,
         "profile.segments.vectors or profile.regressions: features name word_vectors, but the table has no "
         "texts");
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

void segment_customers(const Run& run, const Matrix& vectors, Geometry geometry, ProfileResults& results) {
  results.segmentation = find_segments(MatrixRows(vectors), geometry, run.settings.profile.segments,
                                       static_cast<uint64_t>(run.settings.run.seed), run.threads());
  log_info("profile: {} customers in {} segments, silhouette {:.3f}", results.customers.count(),
           results.segmentation.count(), results.segmentation.silhouette);
}

// Of the customers' mean vectors, or of their attributes.
PrincipalComponents components_of(const Run& run, Geometry geometry, const Customers& customers) {
  const MatrixRows vectors(customers.mean);
  return geometry == Geometry::cosine
             ? principal_components(UnitRows(vectors), most_components, run.threads())
             : principal_components(vectors, most_components, run.threads());
}

// What both ways end with, on rank 0. components: see components_of, whose scores are used up; attributes:
// those, without texts.
void finish(const Run& run, const PreparedReader& prepared, PrincipalComponents& components,
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
  fit_models(run, prepared, attributes ? Matrix(results.customers.count(), 0) : std::move(components.scores),
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

// Averages the user's word vectors, and keeps what new customers' texts are averaged with.
void average_words(const Run& run, const PreparedReader& prepared, WordCutter& cutter,
                   const Vocabulary& vocabulary, const fs::path& place, ProfileResults& results) {
  const std::string& path = *run.settings.profile.words.vectors;
  const WordVectorModel model{vocabulary, WordVectors(path, vocabulary),
                              run.communicator.root() ? sha256_file(path) : ""};
  results.word_vectors = average_word_vectors(prepared, results.customers, cutter, model,
                                              place / "word_vectors", run.communicator);
  if (run.communicator.root() && wants_word_vectors(run.settings.profile))
    write_word_vectors_hdf5(place / "models" / "word_vectors.h5", model);
}

// What the words of the texts tell: all of it shared work.
void profile_words(const Run& run, const PreparedReader& prepared, const EmbeddingsReader& embeddings,
                   WordCutter& cutter, const Vocabulary& vocabulary, const fs::path& place,
                   ProfileResults& results) {
  const ProfileSettings& settings = run.settings.profile;
  const Communicator& ranks = run.communicator;
  // Typical texts are the nearest to the centre, so they are compared by what the centre is made of.
  std::optional<EmbeddingsReader> words;
  if (results.segment_vectors == "word_vectors")
    words.emplace(place / "word_vectors", EmbeddingsReader::Verify::sizes);
  results.descriptions = describe_segments(prepared, words ? *words : embeddings, results.customers,
                                           results.segmentation, settings.report.show_texts, cutter, ranks);
  results.topics = find_topics(
      prepared, results.customers, cutter, vocabulary,
      {settings.topics, static_cast<uint64_t>(run.settings.run.seed), run.threads(), run.directory()}, ranks);
  results.key_phrases = find_key_phrases(prepared, results.customers, cutter, vocabulary,
                                         settings.words.keywords, settings.report.show_texts, ranks);
  results.sentiment = measure_sentiment(prepared, results.customers, Lexicon(settings.words.lexicon),
                                        run.settings.train.heads, ranks);
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
  std::string place;                   // of the files, on all ranks
  results.customers = read_customers(prepared, embeddings, settings.half_life_days, ranks);
  work_on_root(ranks, "profile", [&](Heartbeat& heartbeat) {
    check_customers(run, results.customers);
    folder.emplace(run.profile_folder());
    make_folder(folder->path() / "models");
    place = folder->path().string();
    write_word_rules(folder->path() / "models", settings.words);
    add_customer_vectors(prepared, embeddings, results.customers, run.directory(), heartbeat);
  });
  ranks.broadcast(place, 0, "share the folder of the profile");
  WordCutter cutter(settings.words);
  const Vocabulary vocabulary = count_vocabulary(prepared, cutter, settings.words, ranks);
  if (settings.words.vectors) average_words(run, prepared, cutter, vocabulary, place, results);
  results.segment_vectors = settings.segments.vectors;
  work_on_root(ranks, "profile", [&](Heartbeat& heartbeat) {
    const Geometry geometry = embeddings.provenance().normalize ? Geometry::cosine : Geometry::euclidean;
    if (results.segment_vectors == "word_vectors") {
      const Matrix& means = results.word_vectors.customers;
      segment_customers(run, with_mean_for_missing(means, mean_of_known(means)), Geometry::cosine, results);
    } else {
      segment_customers(run, results.customers.mean, geometry, results);
    }
    heartbeat.beat();
    components = components_of(run, geometry, results.customers);
  });
  profile_words(run, prepared, embeddings, cutter, vocabulary, place, results);
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
  results.segment_vectors = "attributes";
  std::optional<AttributeVectors> attributes;  // of rank 0
  PrincipalComponents components;
  work_on_root(ranks, "profile", [&](Heartbeat& heartbeat) {
    results.customers = read_customers_without_texts(prepared);
    check_customers(run, results.customers);
    results.columns = customer_columns(prepared, results.customers);
    attributes = attribute_vectors(explaining_columns(settings, results));
    results.customers.mean = attributes->values;
    segment_customers(run, results.customers.mean, Geometry::euclidean, results);
    heartbeat.beat();
    components = components_of(run, Geometry::euclidean, results.customers);
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
  check_settings(run.settings.profile, prepared);
  if (prepared.has_texts()) {
    profile_texts(run, prepared);
  } else {
    profile_attributes(run, prepared);
  }
}

}  // namespace limner
