#include "profile/new_customers.h"

#include <optional>

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
  const Matrix attributes = same_features(segments.features, prepared, customers, "profile.fitted_from");
  return Standardizer(segments.mean, segments.deviation).apply(attributes);
}

std::vector<double> predict(const SavedModel& model, const PreparedReader& prepared,
                            const Customers& customers, const Matrix& components) {
  const std::string wanted_by = fmt::format("the model of '{}' (profile.fitted_from)", model.name);
  const Matrix fixed = same_features(model.features, prepared, customers, wanted_by);
  Matrix features(fixed.rows(), fixed.cols() + model.components);
  features << fixed, components.leftCols(model.components);
  const Vector raw = model.model->predict(features);
  return model.calibration.apply({raw.begin(), raw.end()});
}

Json prediction_json(const SavedModel& model, double value) {
  if (model.outcome == Outcome::number) return {{"predicted", rounded(value)}};
  return {{"predicted", rounded(value)}, {"of", model.positive}, {"selected", value >= model.threshold}};
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
  if (!run.communicator.root()) return;

  const std::vector<SavedModel> models = read_saved_models(folder);
  const Matrix points = points_of(segments, prepared, customers);
  if (points.cols() != segments.centroids.cols()) {
    fail(ExitCode::bad_data, "{}: segments of vectors of {} numbers, these have {}", folder.string(),
         segments.centroids.cols(), points.cols());
  }
  const bool with_components =
      std::any_of(models.begin(), models.end(), [](const SavedModel& model) { return model.components > 0; });
  const Matrix components = with_components ? saved_components(folder, points) : Matrix(customers.count(), 0);
  std::vector<std::vector<double>> predictions;
  for (const SavedModel& model : models)
    predictions.push_back(predict(model, prepared, customers, components));

  FolderWriter out(run.profile_folder());
  FileWriter file(out.path() / "predictions.jsonl");
  for (int64_t row = 0; row < customers.count(); ++row) {
    const auto index = static_cast<size_t>(row);
    const Assignment assignment = nearest(segments, points.row(row));
    Json of_models = Json::object();
    for (size_t i = 0; i < models.size(); ++i)
      of_models[models[i].name] = prediction_json(models[i], predictions[i][index]);
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
