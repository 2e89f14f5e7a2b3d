#include "profile/saved_models.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "runtime/error.h"

namespace limner {
namespace {

constexpr int64_t format_version = 1;
constexpr const char* components_file = "components.json";
constexpr const char* segments_file = "segments.json";
constexpr const char* index_file = "models.json";

// The prefix keeps a target named "segments" apart.
std::string model_file(const std::string& name) { return "model-" + name + ".json"; }
std::string booster_file(const std::string& name) { return "model-" + name + ".xgboost.json"; }

Json read_versioned(const fs::path& path) {
  if (!fs::exists(path)) {
    fail(ExitCode::missing_input, "{} is missing; profile.fitted_from wants the folder profile/ of a run",
         path.string());
  }
  Json json = read_json(path);
  if (!json.is_object() || !json.contains("format_version") || json["format_version"] != format_version) {
    fail(ExitCode::bad_data, "{}: is not of format version {}; run `limner profile` there again",
         path.string(), format_version);
  }
  return json;
}

// What `read` makes of the file; a key that is missing or of another type is bad_data.
template <class Read>
auto read_saved(const fs::path& path, Read&& read) {
  const Json json = read_versioned(path);
  try {
    return read(json);
  } catch (const Json::exception& error) {
    fail(ExitCode::bad_data, "{}: cannot be used ({}); run `limner profile` there again", path.string(),
         error.what());
  }
}

// What both kinds of models share.
template <class Fitted>
Json model_json(const Fitted& fitted, Outcome outcome) {
  const bool trees = !fitted.model->booster().empty();
  return {{"format_version", format_version},
          {"name", fitted.name},
          {"target", fitted.settings.target},
          {"kind", fitted.settings.kind},
          {"outcome", outcome_name(outcome)},
          {"features", to_json(fitted.features)},
          {"components", fitted.components},
          {"model", fitted.model->to_json()},
          {"booster", trees ? Json(booster_file(fitted.name)) : Json()}};
}

Json saved_json(const Regression& regression) {
  Json json = model_json(regression, regression.target.outcome);
  const double threshold = regression.decision.threshold;
  json["negative"] = regression.target.negative;
  json["positive"] = regression.target.positive;
  json["calibration"] = to_json(regression.calibration);
  json["threshold"] = std::isfinite(threshold) ? Json(threshold) : Json();
  return json;
}

Json saved_json(const Classification& classification) {
  Json json = model_json(classification, Outcome::classes);
  json["classes"] = classification.classes;
  return json;
}

SavedModel read_model(const fs::path& folder, const std::string& file) {
  return read_saved(folder / file, [&](const Json& json) {
    SavedModel saved;
    const auto text = [&](const char* key) { return json.at(key).get<std::string>(); };
    saved.name = text("name");
    saved.target = text("target");
    saved.kind = text("kind");
    saved.outcome = outcome_named(text("outcome"));
    saved.features = read_features(json.at("features"));
    saved.components = json_integer(json.at("components"));
    if (saved.outcome == Outcome::classes) {
      saved.classes = json.at("classes").get<std::vector<std::string>>();
    } else {
      saved.negative = text("negative");
      saved.positive = text("positive");
      saved.calibration = read_calibration(json.at("calibration"));
      saved.threshold = json.at("threshold").is_null() ? std::numeric_limits<double>::infinity()
                                                       : json.at("threshold").get<double>();
    }
    const std::string booster = json.at("booster").is_null() ? "" : read_file(folder / text("booster"));
    saved.model = read_customer_model(json.at("model"), booster, (folder / file).string());
    return saved;
  });
}

}  // namespace

void write_models(const fs::path& folder, const ProfileResults& results,
                  const PrincipalComponents& components, const AttributeVectors* attributes) {
  make_folder(folder);
  Json titles = Json::array(), names = Json::array();
  for (size_t segment = 0; segment < results.segmentation.sizes.size(); ++segment)
    titles.push_back(results.segment_title(segment));
  Json segments{{"format_version", format_version},
                {"geometry", results.segmentation.geometry == Geometry::cosine ? "cosine" : "euclidean"},
                {"vectors", results.segment_vectors},
                {"model_sha256", results.provenance.model_sha256},
                {"pooling", results.provenance.pooling},
                {"normalize", results.provenance.normalize},
                {"prompt", results.provenance.prompt},
                {"features", Json::array()},
                {"mean", Json::array()},
                {"deviation", Json::array()},
                {"titles", titles},
                {"centroids", json_of(results.segmentation.centroids)}};
  if (attributes) {
    segments["features"] = to_json(attributes->features);
    segments["mean"] = json_of(Vector(attributes->standardizer.mean));
    segments["deviation"] = json_of(Vector(attributes->standardizer.deviation));
  }
  if (results.segment_vectors == "word_vectors")
    segments["mean"] = json_of(Vector(mean_of_known(results.word_vectors.customers)));
  write_json(folder / segments_file, segments);

  int64_t used = 0;
  const auto write_model = [&](const auto& fitted) {
    names.push_back(fitted.name);
    used = std::max(used, fitted.components);
    write_json(folder / model_file(fitted.name), saved_json(fitted));
    const std::string booster = fitted.model->booster();
    if (!booster.empty()) write_file(folder / booster_file(fitted.name), booster);
  };
  for (const Regression& regression : results.regressions) write_model(regression);
  for (const Classification& classification : results.classifications) write_model(classification);
  write_json(folder / index_file, {{"format_version", format_version}, {"models", names}});
  if (used > 0) {
    write_json(folder / components_file, {{"format_version", format_version},
                                          {"mean", json_of(Vector(components.mean))},
                                          {"axes", json_of(Matrix(components.axes.topRows(used)))}});
  }
}

SavedSegments read_saved_segments(const fs::path& folder) {
  return read_saved(folder / segments_file, [](const Json& json) {
    SavedSegments saved;
    saved.geometry =
        json.at("geometry").get<std::string>() == "cosine" ? Geometry::cosine : Geometry::euclidean;
    saved.vectors = json.at("vectors").get<std::string>();
    saved.model_sha256 = json.at("model_sha256").get<std::string>();
    saved.pooling = json.at("pooling").get<std::string>();
    saved.normalize = json.at("normalize").get<bool>();
    saved.prompt = json.at("prompt").get<std::string>();
    saved.features = read_features(json.at("features"));
    saved.mean = vector_in(json.at("mean"));
    saved.deviation = vector_in(json.at("deviation"));
    saved.centroids = matrix_in(json.at("centroids"));
    saved.titles = json.at("titles").get<std::vector<std::string>>();
    return saved;
  });
}

std::vector<SavedModel> read_saved_models(const fs::path& folder) {
  return read_saved(folder / index_file, [&](const Json& json) {
    std::vector<SavedModel> models;
    for (const Json& name : json.at("models"))
      models.push_back(read_model(folder, model_file(name.get<std::string>())));
    return models;
  });
}

Matrix saved_components(const fs::path& folder, const Matrix& vectors) {
  const fs::path path = folder / components_file;
  return read_saved(path, [&](const Json& json) {
    const Eigen::RowVectorXd mean = vector_in(json.at("mean"));
    const Matrix axes = matrix_in(json.at("axes"));
    if (axes.cols() != vectors.cols()) {
      fail(ExitCode::bad_data, "{}: was fitted on vectors of {} numbers, these have {}", path.string(),
           axes.cols(), vectors.cols());
    }
    return Matrix((vectors.rowwise() - mean) * axes.transpose());
  });
}

}  // namespace limner
