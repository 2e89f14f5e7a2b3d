#include "profile/new_customers.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "profile/behaviour.h"
#include "profile/customer_vectors.h"
#include "profile/report.h"
#include "profile/saved_models.h"
#include "profile/saved_words.h"
#include "runtime/log.h"
#include "runtime/root_work.h"

namespace limner {
namespace {

constexpr int64_t schema_version = 1;

// Every customer in the segment with the nearest centre.
Segmentation assign(const SavedSegments& segments, const Matrix& points) {
  Segmentation result;
  result.geometry = segments.geometry;
  result.centroids = segments.centroids;
  result.silhouette = std::numeric_limits<double>::quiet_NaN();
  result.sizes.resize(static_cast<size_t>(segments.centroids.rows()));
  for (int64_t row = 0; row < points.rows(); ++row) {
    const Eigen::RowVectorXd point = points.row(row);
    int64_t best = 0;
    (segments.centroids.rowwise() - point).rowwise().squaredNorm().minCoeff(&best);
    const auto centroid = segments.centroids.row(best);
    result.similarity.push_back(segments.geometry == Geometry::cosine ? point.dot(centroid)
                                                                      : -(point - centroid).norm());
    result.segment.push_back(static_cast<int32_t>(best));
    ++result.sizes[static_cast<size_t>(best)];
  }
  return result;
}

// The texts' mean vectors as models read them, or the attributes; one row a customer.
Matrix vectors_of(const SavedSegments& segments, const PreparedReader& prepared, const Customers& customers) {
  if (segments.of_texts()) return segments.normalize ? unit_rows(customers.mean) : customers.mean;
  const Matrix attributes =
      same_features(segments.features, {prepared, customers, Matrix(), Matrix(), {}}, "profile.fitted_from");
  return Standardizer(segments.mean, segments.deviation).apply(attributes);
}

Json prediction_json(const AppliedModel& model, size_t index) {
  if (!model.classes.empty()) {
    Json of_classes = Json::object();
    for (size_t i = 0; i < model.classes.size(); ++i) {
      of_classes[model.classes[i]] =
          rounded(model.chances(static_cast<Eigen::Index>(index), static_cast<Eigen::Index>(i)));
    }
    return {{"predicted", model.likeliest(index)}, {"probabilities", of_classes}};
  }
  const double value = model.predicted[index];
  if (!model.two_classes) return {{"predicted", rounded(value)}};
  return {{"predicted", rounded(value)}, {"of", model.positive}, {"selected", value >= model.threshold}};
}

AppliedModel predict(const SavedModel& model, const FeatureSources& from, const Matrix& components) {
  const std::string wanted_by = fmt::format("the model of '{}' (profile.fitted_from)", model.name);
  const Matrix fixed = same_features(model.features, from, wanted_by);
  Matrix features(fixed.rows(), fixed.cols() + model.components);
  features << fixed, components.leftCols(model.components);
  AppliedModel applied{
      model.name,    model.positive, model.outcome == Outcome::two_classes, model.threshold, {},
      model.classes, Matrix()};
  if (model.outcome == Outcome::classes) {
    applied.chances = predict_class_rows(*model.model, MatrixRows(features));
  } else {
    const Vector raw = predict_rows(*model.model, MatrixRows(features));
    applied.predicted = model.calibration.apply({raw.begin(), raw.end()});
  }
  return applied;
}

// Does any model want features from there?
bool wanted(const std::vector<SavedModel>& models, FeatureSource source) {
  return std::any_of(models.begin(), models.end(), [&](const SavedModel& model) {
    return std::any_of(model.features.begin(), model.features.end(),
                       [&](const Feature& feature) { return feature.source == source; });
  });
}

void check_inputs(const Run& run, const SavedSegments& segments, const PreparedReader& prepared) {
  if (segments.of_texts() == prepared.has_texts()) return;
  fail(ExitCode::bad_data, "{} has {} texts, but the customers of profile.fitted_from had {}",
       run.prepared().string(), prepared.has_texts() ? "" : "no", segments.of_texts() ? "some" : "none");
}

void check_embeddings(const Run& run, const SavedSegments& segments, const PreparedReader& prepared,
                      const EmbeddingsReader& embeddings) {
  const ShardProvenance& here = embeddings.provenance();
  if (here.model_sha256 == segments.model_sha256 && here.prepared_sha256 == prepared.sha256()) {
    if (here.pooling == segments.pooling && here.normalize == segments.normalize &&
        here.prompt == segments.prompt) {
      return;
    }
    fail(ExitCode::bad_config,
         "{}: vectors of pooling {}, normalize {}, prompt `{}`, but those of profile.fitted_from had pooling "
         "{}, normalize {}, prompt `{}`; set extract.pooling, extract.normalize and model.prompt to the same",
         run.embeddings().string(), here.pooling, here.normalize, here.prompt, segments.pooling,
         segments.normalize, segments.prompt);
  }
  fail(ExitCode::bad_data,
       "{} was extracted with another model than profile.fitted_from, or from another table; set "
       "extract.checkpoint to that run's checkpoints/best and run `limner extract` again",
       run.embeddings().string());
}

// Segments and predictions, on rank 0.
void apply_models(const fs::path& folder, const SavedSegments& segments, const PreparedReader& prepared,
                  ProfileResults& results, Matrix& vectors) {
  const std::vector<SavedModel> models = read_saved_models(folder);
  if (wanted(models, FeatureSource::topic) && results.topics.count() == 0) {
    fail(ExitCode::missing_input, "{} is missing, and a model of profile.fitted_from wants topics",
         (folder.parent_path() / "topics.h5").string());
  }
  const std::vector<CustomerColumn> behaviour = wanted(models, FeatureSource::behaviour)
                                                    ? behaviour_columns(prepared, results.customers)
                                                    : std::vector<CustomerColumn>();
  vectors = vectors_of(segments, prepared, results.customers);
  const Matrix points = segments.vectors == "word_vectors"
                            ? unit_rows(with_mean_for_missing(results.word_vectors.customers, segments.mean))
                            : vectors;
  if (points.cols() != segments.centroids.cols()) {
    fail(ExitCode::bad_data, "{}: segments of vectors of {} numbers, these have {}", folder.string(),
         segments.centroids.cols(), points.cols());
  }
  results.titles = segments.titles;
  results.segmentation = assign(segments, points);
  results.descriptions.resize(results.segmentation.sizes.size());
  const bool with_components =
      std::any_of(models.begin(), models.end(), [](const SavedModel& model) { return model.components > 0; });
  const Matrix components =
      with_components ? saved_components(folder, vectors) : Matrix(results.customers.count(), 0);
  for (const SavedModel& model : models) {
    results.applied.push_back(predict(
        model,
        {prepared, results.customers, results.topics.customers, results.word_vectors.customers, behaviour},
        components));
  }
}

// Topics and word vectors of the texts, by the models of the earlier run. place: of this run's files.
void read_words(const Run& run, const fs::path& folder, const SavedSegments& segments,
                const PreparedReader& prepared, const fs::path& place, WordCutter& cutter,
                ProfileResults& results) {
  const fs::path topics = folder.parent_path() / "topics.h5", vectors = folder / "word_vectors.h5";
  const bool have_topics = fs::exists(topics), have_vectors = fs::exists(vectors);
  if (have_topics || have_vectors) check_word_rules(folder, run.settings.profile.words);
  if (have_topics) {
    results.topics = apply_topics(prepared, results.customers, cutter, read_topics_hdf5(topics),
                                  run.directory(), run.communicator);
  }
  if (have_vectors) {
    results.word_vectors =
        average_word_vectors(prepared, results.customers, cutter, read_word_vectors_hdf5(vectors),
                             place / "word_vectors", run.communicator);
  } else if (segments.vectors == "word_vectors") {
    fail(ExitCode::missing_input, "{} is missing, and the segments of profile.fitted_from are made of them",
         vectors.string());
  }
}

// What the texts say, in the words of the earlier run.
void describe_texts(const Run& run, const PreparedReader& prepared, const EmbeddingsReader& embeddings,
                    WordCutter& cutter, ProfileResults& results) {
  const ProfileSettings& settings = run.settings.profile;
  results.descriptions = describe_segments(prepared, embeddings, results.customers, results.segmentation,
                                           settings.report.show_texts, cutter, run.communicator);
  results.sentiment =
      measure_sentiment(prepared, results.customers, Lexicon(settings.words.lexicon), {}, run.communicator);
}

Json record(const ProfileResults& results, size_t index) {
  const auto segment = static_cast<size_t>(results.segmentation.segment[index]);
  Json of_models = Json::object();
  for (const AppliedModel& model : results.applied) of_models[model.name] = prediction_json(model, index);
  Json json{{"schema_version", schema_version},
            {"customer", results.customers.ids[index]},
            {"segment",
             {{"number", segment + 1},
              {"title", results.titles[segment]},
              {"similarity", rounded(results.segmentation.similarity[index])}}},
            {"predictions", of_models}};
  if (results.topics.count() > 0) {
    Json shares = Json::array();
    for (const double share : results.topics.customers.row(static_cast<int64_t>(index)))
      shares.push_back(rounded(share));
    const bool none = std::isnan(results.topics.customers(static_cast<int64_t>(index), 0));
    json["topics"] = none ? Json() : shares;
  }
  return json;
}

void publish(const Run& run, const ProfileResults& results, FolderWriter& out) {
  FileWriter file(out.path() / "predictions.jsonl");
  for (size_t index = 0; index < results.customers.ids.size(); ++index)
    file.write(record(results, index).dump() + "\n");
  file.publish();
  write_tables_csv(out.path(), results);
  write_file(out.path() / "report.html", render_report(read_report_inputs(run, results)));
  out.publish();
  log_info("profile: {} new customers, {} models applied: {}", results.customers.count(),
           results.applied.size(), (run.profile_folder() / "report.html").string());
}

}  // namespace

void profile_new_customers(const Run& run) {
  const fs::path folder = fs::path(*run.settings.profile.fitted_from) / "models";
  if (!run.settings.prepare.fitted_from) {
    fail(ExitCode::bad_config,
         "profile.fitted_from: wants prepare.fitted_from too, the prepared.h5 that {} was made from",
         folder.string());
  }
  const SavedSegments segments = read_saved_segments(folder);
  const PreparedReader prepared(run.prepared());
  check_inputs(run, segments, prepared);
  const Communicator& ranks = run.communicator;
  ProfileResults results;
  results.segment_vectors = segments.vectors;
  Matrix vectors;                   // of rank 0
  std::optional<FolderWriter> out;  // of rank 0
  std::string place;                // of its files, on all ranks
  work_on_root(ranks, "profile", [&](Heartbeat&) {
    out.emplace(run.profile_folder());
    place = out->path().string();
  });
  ranks.broadcast(place, 0, "share the folder of the profile");
  WordCutter cutter(run.settings.profile.words);
  std::optional<EmbeddingsReader> embeddings;
  if (segments.of_texts()) {
    embeddings.emplace(run.embeddings(), EmbeddingsReader::Verify::sizes);
    check_embeddings(run, segments, prepared, *embeddings);
    results.customers = read_customers(prepared, *embeddings, run.settings.profile.half_life_days, ranks);
    read_words(run, folder, segments, prepared, place, cutter, results);
  }
  work_on_root(ranks, "profile", [&](Heartbeat& heartbeat) {
    if (embeddings) {
      add_customer_vectors(prepared, *embeddings, results.customers, run.directory(), heartbeat);
    } else {
      results.customers = read_customers_without_texts(prepared);
    }
    apply_models(folder, segments, prepared, results, vectors);
  });
  if (segments.vectors == "word_vectors") {
    const EmbeddingsReader words(fs::path(place) / "word_vectors", EmbeddingsReader::Verify::sizes);
    describe_texts(run, prepared, words, cutter, results);
  } else if (embeddings) {
    describe_texts(run, prepared, *embeddings, cutter, results);
  }
  work_on_root(ranks, "profile", [&](Heartbeat& heartbeat) {
    results.language = report_language(run);
    results.settings_sha256 = sha256(print_section(run.settings, "profile"));
    if (embeddings) results.provenance = embeddings->provenance();
    results.provenance.rows = prepared.rows();
    results.provenance.prepared_sha256 = prepared.sha256();
    results.columns = customer_columns(prepared, results.customers);
    results.traits = describe_traits(results.customers, results.columns, results.segmentation);
    heartbeat.beat();
    results.map =
        map_customers(principal_components(MatrixRows(vectors), 50, run.threads()).scores, run.threads());
    publish(run, results, *out);
  });
}

}  // namespace limner
