// profile/models/: everything that new customers are profiled with (docs/formats.md describes the files).
#pragma once

#include <string>
#include <vector>

#include "profile/principal.h"
#include "profile/results.h"

namespace limner {

struct SavedSegments {
  Geometry geometry = Geometry::euclidean;
  std::string vectors;                // see ProfileResults::segment_vectors
  std::string model_sha256, pooling;  // that the texts' vectors came from
  bool normalize = false;
  std::string prompt;
  std::vector<Feature> features;       // of attributes
  Eigen::RowVectorXd mean, deviation;  // theirs, see Standardizer; of word vectors the mean alone
  Matrix centroids;                    // segments x width
  std::vector<std::string> titles;
  bool of_texts() const { return vectors != "attributes"; }
};

struct SavedModel {
  std::string name, target, kind, negative, positive;
  std::vector<std::string> classes;  // of more than two
  std::vector<Feature> features;
  int64_t components = 0;
  CustomerModelPointer model;
  Calibration calibration;
  double threshold = 0.5;  // infinite: nobody is selected
  Outcome outcome = Outcome::number;
};

// components: of the mean vectors; read only where a model uses them. attributes: null for a run with texts.
void write_models(const fs::path& folder, const ProfileResults& results,
                  const PrincipalComponents& components, const AttributeVectors* attributes);

// Errors: no such folder (missing_input), another format (bad_data).
SavedSegments read_saved_segments(const fs::path& folder);
std::vector<SavedModel> read_saved_models(const fs::path& folder);
// Components of other vectors: (vectors - mean) axes'. Errors: another width (bad_data).
Matrix saved_components(const fs::path& folder, const Matrix& vectors);

}  // namespace limner
