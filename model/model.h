// A transformer with its heads and weights: what train and extract use.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "kernels/backend.h"
#include "model/config.h"
#include "model/parameters.h"
#include "runtime/random.h"
#include "text/batch.h"

namespace limner {

enum class Purpose : uint8_t { inference, training };

// The vector that heads read: `pooler` is BERT's tanh(dense(first token)), as BertForSequenceClassification
// does it.
enum class HeadInput : uint8_t { pooler, mean, cls, max };

// One head's answers for the rows of a batch, as they lie in the table.
struct HeadLabels {
  std::vector<int32_t> classes;  // single_label: class, -1 missing
  std::vector<float> targets;  // regression (raw unit, NaN missing): rows; multi_label: rows x classes of 0,
                               // 1 (NaN: row missing)
};

class Model {
 public:
  // Weights f32 flat; with precision bf16 a rounded shadow is used in matrix products and activations are
  // bf16.
  Model(Backend& backend, ModelConfig config, std::vector<HeadSpec> heads, HeadInput head_input,
        DType precision);

  void initialize(uint64_t seed);  // normal(0, initializer_range), zeros, ones; heads too
  // Reads model.safetensors (or the sharded index). Heads found in the folder under the same names are read,
  // others keep their initialisation; returns the names of parameters that were not in the folder.
  std::vector<std::string> load(const std::filesystem::path& folder);

  const ModelConfig& config() const;
  const std::vector<HeadSpec>& heads() const;
  const ParameterTable& parameters() const;
  HeadInput head_input() const;
  DType precision() const;
  Tensor weights();       // f32 [elements]
  Tensor shadow();        // bf16 [elements], absent in f32
  Tensor gradients();     // f32 [elements], absent until plan(training)
  void refresh_shadow();  // after weights were changed by hand

  // Lays out the arena for batches up to this size (measured by a counting arena first). Returns bytes.
  int64_t plan(Purpose purpose, int64_t max_tokens, int64_t max_rows);
  static int64_t predict_bytes(const ModelConfig& config, const std::vector<HeadSpec>& heads, DType precision,
                               Purpose purpose, int64_t max_tokens, int64_t max_rows);

  struct Output {
    Tensor hidden;               // [tokens, hidden] T, the last layer
    std::vector<Tensor> logits;  // one a head: [rows, outputs] f32
  };
  // Runs the rows. dropout_key: mixes seed and step; absent: no dropout. Valid until the next forward. Longer
  // than planned: internal error.
  Output forward(const Batch& batch, Purpose purpose, std::optional<uint64_t> dropout_key = std::nullopt);
  Tensor hidden_state(
      int index) const;  // after layer `index` (0: embeddings) of the last training forward; for tests

  // One vector a row from the last forward, f32 [rows, hidden].
  Tensor pooled(const Batch& batch, Pooling pooling, bool normalize);
  // Head outputs as users read them: softmax, sigmoid, or regression in the target's unit. f32 [rows,
  // outputs], host order.
  std::vector<std::vector<float>> predictions(const Output& output);

  // Loss of the last training forward: per head the sum over rows of weighted losses and the sum of their
  // weights (class weight of the row's label; 1 where none), on this rank.
  struct Loss {
    std::vector<double> sum, weight;
  };
  // The weights of a batch's labels alone, to be summed over ranks before backward.
  std::vector<double> label_weights(const std::vector<HeadLabels>& labels) const;
  // Adds the gradient of sum over heads of head.weight * (sum of losses) / total_weight[head] to gradients().
  // total_weight: over all ranks and accumulated batches. on_layer(l) is called as soon as layer l's
  // gradients are complete, from the last layer to 0.
  Loss backward(const Batch& batch, const std::vector<HeadLabels>& labels,
                const std::vector<double>& total_weight, const std::function<void(int layer)>& on_layer);
  // Loss without gradient (after any forward).
  Loss evaluate_loss(const std::vector<HeadLabels>& labels);

  ~Model();
  Model(Model&&) noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The heads and head input recorded in a folder's config.json (`limner` key, or id2label of a plain Hugging
// Face classifier); empty: none.
std::vector<HeadSpec> read_heads(const std::filesystem::path& folder, HeadInput& head_input);

// Writes config.json, model.safetensors (f32), modules.json + 1_Pooling + 2_Normalize +
// sentence_bert_config.json into an existing folder (the caller publishes it whole and adds the tokenizer).
// With HeadInput::pooler the first head is BertForSequenceClassification's classifier; further heads are
// `heads.<name>.*`.
void save_model(Model& model, const std::filesystem::path& folder, Pooling pooling, bool normalize,
                int64_t max_length);

// SHA-256 of the files that decide the outputs (config.json, weights).
std::string checkpoint_sha256(const std::filesystem::path& folder);

}  // namespace limner
