// The shape of a transformer, read from and written to a Hugging Face config.json.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "kernels/backend.h"
#include "runtime/files.h"
#include "runtime/settings.h"

namespace limner {

struct ModelConfig {
  std::string family = "bert";
  int64_t layers = 0, hidden = 0, heads = 0, inner = 0;
  int64_t vocabulary = 0, max_positions = 0, segments = 2;
  Activation activation = Activation::gelu;
  float norm_epsilon = 1e-12f;
  float initializer_range = 0.02f;
  float hidden_dropout = 0.1f, attention_dropout = 0.1f, head_dropout = 0.1f;
  bool has_pooler = false;
  int32_t pad_id = 0;
  Json source;  // the config.json it came from, to write back what we do not use

  int64_t head_size() const { return hidden / heads; }
  // Errors: missing file, missing key, unsupported value by key and value (model_type,
  // position_embedding_type, hidden_act, …).
  static ModelConfig read(const std::filesystem::path& folder);
  static ModelConfig from_settings(const ArchitectureSettings& settings, int64_t vocabulary);
};

// What the sentence-transformers files of a folder say (modules.json, 1_Pooling, 2_Normalize,
// sentence_bert_config.json).
struct SentenceConfig {
  bool present = false;
  Pooling pooling = Pooling::mean;
  bool normalize = true;
  int64_t max_length = 0;  // 0: not said
  static SentenceConfig read(
      const std::filesystem::path& folder);  // both spellings; an unknown module is refused by name
};

struct HeadSpec {
  std::string name, field;
  std::string kind;                  // single_label, multi_label, regression
  std::vector<std::string> classes;  // regression: empty
  std::vector<float> class_weight;   // empty: all 1
  double weight = 1.0;
  double target_mean = 0.0, target_scale = 1.0;  // regression: prediction = mean + scale * output
  int64_t outputs() const { return kind == "regression" ? 1 : static_cast<int64_t>(classes.size()); }
};

}  // namespace limner
