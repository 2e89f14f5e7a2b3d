// Small models, random batches and temporary folders for the tests of model/.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "kernels/backend.h"
#include "model/family_config.h"
#include "model/model.h"
#include "runtime/error.h"

namespace limner::testing {

namespace fs = std::filesystem;

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (fs::temp_directory_path() / "limner-model-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make " + name);
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const fs::path& path() const { return path_; }
  fs::path operator/(const std::string& name) const { return path_ / name; }

 private:
  fs::path path_;
};

// The error a call ends with; fails the test when there is none.
template <class Call>
Error error_of(Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "no error";
  return Error(ExitCode::ok, "");
}

template <class Call>
void expect_error(ExitCode code, const std::vector<std::string>& words, Call&& call) {
  const Error error = error_of(std::forward<Call>(call));
  EXPECT_EQ(static_cast<int>(error.code()), static_cast<int>(code)) << error.what();
  for (const std::string& word : words) {
    EXPECT_NE(std::string(error.what()).find(word), std::string::npos)
        << "'" << word << "' is not in: " << error.what();
  }
}

// Odd widths: no size is a multiple of a vector register.
inline ModelConfig tiny_config() {
  ModelConfig config;
  config.layers = 2;
  config.hidden = 12;
  config.heads = 3;
  config.inner = 19;
  config.vocabulary = 29;
  config.max_positions = 17;
  config.initializer_range = 0.3f;  // so that attention is far from uniform
  return config;
}

// The same sizes in another family, with what sets it apart: shared key heads, windows, positions that begin
// later.
inline ModelConfig tiny_family(const std::string& family) {
  const ModelConfig bert = tiny_config();
  ModelConfig config = new_family(family);
  config.layers = bert.layers;
  config.hidden = bert.hidden;
  config.heads = bert.heads;
  config.inner = bert.inner;
  config.vocabulary = bert.vocabulary;
  config.max_positions = bert.max_positions;
  config.initializer_range = bert.initializer_range;
  config.embedding_dropout = config.hidden_dropout = config.attention_dropout = config.head_dropout = 0.1f;
  if (family == "roberta" || family == "mpnet") config.position_offset = 2;
  if (config.norm == NormKind::rms) config.key_heads = 1;
  if (family == "qwen3") config.head_width = 6;
  if (family == "mistral") config.windows = {4, 4};
  if (family == "modernbert") config.windows = {0, 3};
  return config;
}
inline const std::vector<std::string>& all_families() {
  static const std::vector<std::string> names{"bert",  "roberta", "mpnet", "distilbert", "gpt2",
                                              "llama", "mistral", "qwen3", "modernbert"};
  return names;
}
inline HeadInput usual_input(const std::string& family) {
  return tiny_family(family).masking == Masking::causal ? HeadInput::last : HeadInput::pooler;
}

inline HeadSpec single_label_head(const std::string& name, int classes) {
  HeadSpec head;
  head.name = name;
  head.field = name;
  head.kind = "single_label";
  for (int index = 0; index < classes; ++index) head.classes.push_back("class " + std::to_string(index));
  return head;
}

inline HeadSpec multi_label_head(const std::string& name, int classes) {
  HeadSpec head = single_label_head(name, classes);
  head.kind = "multi_label";
  return head;
}

inline HeadSpec regression_head(const std::string& name, double mean, double scale) {
  HeadSpec head;
  head.name = name;
  head.field = name;
  head.kind = "regression";
  head.target_mean = mean;
  head.target_scale = scale;
  return head;
}

// Three heads of three kinds, and their labels for five rows; every head lacks some.
inline std::vector<HeadSpec> three_heads() {
  std::vector<HeadSpec> heads{single_label_head("sentiment", 3), multi_label_head("topics", 2),
                              regression_head("spend", 20.0, 4.0)};
  heads[0].class_weight = {0.5f, 1.0f, 2.5f};
  heads[0].weight = 0.7;
  heads[2].weight = 1.3;
  return heads;
}
inline const std::vector<int> five_lengths{5, 1, 17, 2, 8};
inline std::vector<HeadLabels> three_labels() {
  const float missing = std::nanf("");
  return {{{2, -1, 0, 1, 1}, {}},
          {{}, {1, 0, 0, 0, missing, missing, 1, 1, 0, 1}},
          {{}, {24.0f, 11.0f, missing, missing, 21.5f}}};
}

// Rows of these lengths with ids drawn from `seed` and the row's key, so that the same key has the same
// tokens.
inline Batch make_batch(const std::vector<int>& lengths, const ModelConfig& config, uint64_t seed = 3,
                        int64_t first_key = 0) {
  Batch batch;
  batch.cu_lengths.push_back(0);
  for (size_t row = 0; row < lengths.size(); ++row) {
    const int64_t key = first_key + static_cast<int64_t>(row);
    const Random random(seed, "test tokens", static_cast<uint64_t>(key));
    for (int position = 0; position < lengths[row]; ++position) {
      const auto index = static_cast<uint64_t>(position);
      batch.ids.push_back(
          static_cast<int32_t>(random.below(index, static_cast<uint64_t>(config.vocabulary))));
      batch.positions.push_back(position);
      batch.segments.push_back(position * 2 < lengths[row] ? 0 : 1);
    }
    batch.cu_lengths.push_back(static_cast<int32_t>(batch.ids.size()));
    batch.rows.push_back(key);
    batch.max_length = std::max(batch.max_length, static_cast<int32_t>(lengths[row]));
  }
  return batch;
}

inline Model make_model(Backend& backend, const std::vector<HeadSpec>& heads,
                        HeadInput input = HeadInput::pooler, DType precision = DType::f32,
                        const ModelConfig& config = tiny_config(), uint64_t seed = 5) {
  Model model(backend, config, heads, input, precision);
  model.initialize(seed);
  return model;
}

// Random biases and norms too, where initialize() leaves zeros and ones.
inline void shake_weights(Model& model, uint64_t seed = 11) {
  const Random random(seed, "test weights");
  float* const weights = model.weights().as<float>();
  for (const ParamSpec& spec : model.parameters().all()) {
    for (int64_t index = spec.offset; index < spec.offset + spec.elements(); ++index) {
      weights[index] += 0.1f * static_cast<float>(random.normal(static_cast<uint64_t>(index)));
    }
  }
  model.refresh_shadow();
}

inline std::vector<float> values(const Tensor& tensor) {
  if (tensor.dtype == DType::f32) return {tensor.as<float>(), tensor.as<float>() + tensor.elements()};
  std::vector<float> result;
  for (int64_t index = 0; index < tensor.elements(); ++index) {
    result.push_back(static_cast<float>(tensor.as<bfloat16>()[index]));
  }
  return result;
}

inline void ignore_layer(int) {}

}  // namespace limner::testing
