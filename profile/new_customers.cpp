#include "profile/new_customers.h"

#include <algorithm>

#include "profile/behaviour.h"
#include "profile/saved_models.h"
#include "runtime/log.h"

namespace limner {
namespace {

constexpr int64_t schema_version = 1;

struct Assignment {
  int64_t segment = 0;
  double similarity = 0;  // cosine, or minus the distance
};

Assignment nearest(const SavedSegments& segments, const Eigen::RowVectorXd& point) {
  Assignment best;
  (segments.centroids.rowwise() - point).rowwise().squaredNorm().minCoeff(&best.segment);
  const auto centroid = segments.centroids.row(best.segment);
  best.similarity = segments.geometry == Geometry::cosine ? point.dot(centroid) : -(point - centroid).norm();
  return best;
}

// What the segments are made of, one row a customer.
Matrix points_of(const SavedSegments& segments, const PreparedReader& prepared, const Customers& customers) {
  if (segments.texts)
    return segments.geometry == Geometry::cosine ? unit_rows(customers.mean) : customers.mean;
  const Matrix attributes =
      same_features(segments.features, {prepared, customers, Matrix(), {}}, "profile.fitted_from");
  return Standardizer(segments.mean, segments.deviation).apply(attributes);
}

Json prediction_json(const SavedModel& model, double value) {
  if (model.outcome == Outcome::number) return {{"predicted", rounded(value)}};
  return {{"predicted", rounded(value)}, {"of", model.positive}, {"selected", value >= model.threshold}};
}

Json classes_json(const SavedModel& model, const Eigen::RowVectorXd& chances) {
  Eigen::Index likeliest = 0;
  chances.maxCoeff(&likeliest);
  Json of_classes = Json::object();
  for (size_t i = 0; i < model.classes.size(); ++i)
    of_classes[model.classes[i]] = rounded(chances[static_cast<Eigen::Index>(i)]);
  return {{"predicted", model.classes[static_cast<size_t>(likeliest)]}, {"probabilities", of_classes}};
}

// Of every customer what the record says of one model.
std::vector<Json> predict(const SavedModel& model, const FeatureSources& from, const Matrix& components) {
  const std::string wanted_by = fmt::format("the model of '{}' (profile.fitted_from)", model.name);
  const Matrix fixed = same_features(model.features, from, wanted_by);
  Matrix features(fixed.rows(), fixed.cols() + model.components);
  features << fixed, components.leftCols(model.components);
  std::vector<Json> records;
  if (model.outcome == Outcome::classes) {
    const Matrix chances = predict_class_rows(*model.model, MatrixRows(features));
    for (int64_t row = 0; row < chances.rows(); ++row)
      records.push_back(classes_json(model, chances.row(row)));
    return records;
  }
  const Vector raw = predict_rows(*model.model, MatrixRows(features));
  for (const double value : model.calibration.apply({raw.begin(), raw.end()}))
    records.push_back(prediction_json(model, value));
  return records;
}

// Does any model want features from there?
bool wanted(const std::vector<SavedModel>& models, FeatureSource source) {
  return std::any_of(models.begin(), models.end(), [&](const SavedModel& model) {
    return std::any_of(model.features.begin(), model.features.end(),
                       [&](const Feature& feature) { return feature.source == source; });
  });
}

// A collective; the result is on rank 0.
Matrix topics_of(const Run& run, const PreparedReader& prepared, const Customers& customers) {
  const fs::path path = fs::path(*run.settings.profile.fitted_from) / "topics.h5";
  if (!fs::exists(path)) {
    fail(ExitCode::missing_input, "{} is missing, and a model of profile.fitted_from wants topics",
         path.string());
  }
  WordCutter cutter(run.settings.profile.words);
  return mix_with(read_topics_hdf5(path), prepared, customers, cutter, run.directory(), run.communicator);
}

void check_inputs(const Run& run, const SavedSegments& segments, const PreparedReader& prepared) {
  if (segments.texts == prepared.has_texts()) return;
  fail(ExitCode::bad_data, "{} has {} texts, but the customers of profile.fitted_from had {}",
       run.prepared().string(), prepared.has_texts() ? "" : "no", segments.texts ? "some" : "none");
}

Customers read_new_customers(const Run& run, const SavedSegments& segments, const PreparedReader& prepared) {
  if (!segments.texts) return run.communicator.root() ? read_customers_without_texts(prepared) : Customers();
  const EmbeddingsReader embeddings(run.embeddings(), EmbeddingsReader::Verify::sizes);
  if (embeddings.provenance().model_sha256 != segments.model_sha256 ||
      embeddings.provenance().prepared_sha256 != prepared.sha256()) {
    fail(ExitCode::bad_data,
         "{} was extracted with another model than profile.fitted_from, or from another table; set "
         "extract.checkpoint to that run's checkpoints/best and run `limner extract` again",
         run.embeddings().string());
  }
  return read_customers(prepared, embeddings, run.settings.profile.half_life_days, run.communicator);
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
  const Customers customers = read_new_customers(run, segments, prepared);
  const std::vector<SavedModel> models = read_saved_models(folder);
  const Matrix topics = wanted(models, FeatureSource::topic) ? topics_of(run, prepared, customers) : Matrix();
  if (!run.communicator.root()) return;

  const std::vector<CustomerColumn> behaviour = wanted(models, FeatureSource::behaviour)
                                                    ? behaviour_columns(prepared, customers)
                                                    : std::vector<CustomerColumn>();
  const Matrix points = points_of(segments, prepared, customers);
  if (points.cols() != segments.centroids.cols()) {
    fail(ExitCode::bad_data, "{}: segments of vectors of {} numbers, these have {}", folder.string(),
         segments.centroids.cols(), points.cols());
  }
  const bool with_components =
      std::any_of(models.begin(), models.end(), [](const SavedModel& model) { return model.components > 0; });
  const Matrix components = with_components ? saved_components(folder, points) : Matrix(customers.count(), 0);
  std::vector<std::vector<Json>> predictions;
  for (const SavedModel& model : models)
    predictions.push_back(predict(model, {prepared, customers, topics, behaviour}, components));

  FolderWriter out(run.profile_folder());
  FileWriter file(out.path() / "predictions.jsonl");
  for (int64_t row = 0; row < customers.count(); ++row) {
    const auto index = static_cast<size_t>(row);
    const Assignment assignment = nearest(segments, points.row(row));
    Json of_models = Json::object();
    for (size_t i = 0; i < models.size(); ++i) of_models[models[i].name] = predictions[i][index];
    file.write(Json{{"schema_version", schema_version},
                    {"customer", customers.ids[index]},
                    {"segment",
                     {{"number", assignment.segment + 1},
                      {"title", segments.titles.at(static_cast<size_t>(assignment.segment))},
                      {"similarity", rounded(assignment.similarity)}}},
                    {"predictions", of_models}}
                   .dump() +
               "\n");
  }
  file.publish();
  out.publish();
  log_info("profile: {} new customers, {} models applied: {}", customers.count(), models.size(),
           (run.profile_folder() / "predictions.jsonl").string());
}

}  // namespace limner
