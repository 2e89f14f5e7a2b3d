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

// What a forward pass is for. Training keeps what backward needs; inference reuses its buffers.
enum class Purpose : uint8_t { inference, training };

// The vector that heads read: `pooler` is BERT's tanh(dense(first token)), as BertForSequenceClassification
// does it.
enum class HeadInput : uint8_t { pooler, mean, cls, max };
const char* head_input_name(HeadInput input);
HeadInput parse_head_input(const std::string& name);  // an unknown name is bad_data

struct ModelConfig {
  std::string family = "bert";
  int64_t layers = 0, hidden = 0, heads = 0, inner = 0;
  int64_t vocabulary = 0, max_positions = 0, segments = 2;
  Activation activation = Activation::gelu;
  float norm_epsilon = 1e-12f;
  float initializer_range = 0.02f;
  float hidden_dropout = 0.1f, attention_dropout = 0.1f, head_dropout = 0.1f;
  bool has_pooler = false;
  // Weight of the masked language model's loss beside those of the heads; 0: the model has no such head.
  double language_weight = 0.0;
  int32_t pad_id = 0;
  Json source;  // the config.json it came from, to write back what we do not use

  int64_t head_size() const { return hidden / heads; }
  bool has_language_head() const { return language_weight > 0.0; }
  // has_pooler is taken from the weights, if the folder has any. Errors: missing file, missing key,
  // unsupported value by key and value (model_type, position_embedding_type, hidden_act, …).
  static ModelConfig read(const std::filesystem::path& folder);
  static ModelConfig from_settings(const ArchitectureSettings& settings, int64_t vocabulary);
  // config.json without the heads: `source` with every value that Limner knows set to what it is now.
  Json to_json() const;
};

// What the sentence-transformers files of a folder say (modules.json, 1_Pooling, 2_Normalize,
// sentence_bert_config.json).
struct SentenceConfig {
  bool present = false;
  Pooling pooling = Pooling::mean;
  bool normalize = true;
  int64_t max_length = 0;  // 0: not said
  // Both spellings, before and since sentence-transformers 5.4. Refused by name and value: a module, a
  // pooling, a prompt or a setting that would give other vectors than ours. Without modules.json: not
  // present, defaults.
  static SentenceConfig read(const std::filesystem::path& folder);
  // Writes the older spelling, which every version opens.
  void write(const std::filesystem::path& folder, int64_t hidden) const;
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
