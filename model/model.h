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
#include "model/contrastive.h"
#include "model/labels.h"
#include "model/parameters.h"
#include "model/sentence_config.h"
#include "runtime/random.h"
#include "text/batch.h"

namespace limner {

class Model {
 public:
  // Weights f32 flat; with precision bf16 a rounded shadow is used in the encoder's matrix products and its
  // activations are bf16; pooler and heads stay f32. Frozen matrices under low-rank updates are then in the
  // shadow alone. With HeadInput::pooler and a head, the model has a
  // pooler whatever `config` says.
  Model(Backend& backend, ModelConfig config, std::vector<HeadSpec> heads, HeadInput head_input,
        DType precision);

  void initialize(uint64_t seed);  // normal(0, initializer_range), zeros, ones; heads too
  // Reads model.safetensors (or the sharded index), or a PEFT adapter and its base: the updates are added to
  // the weights, or go into this model's own if it has some (config.lora; then the adapter's must be the
  // same, and a folder that is no adapter leaves them as they are). Heads found in the folder under the same
  // names are read, and refused if they have other classes or read another vector; heads and pooler that are
  // not there keep their initialisation, and their names are returned. Anything else that is missing, too
  // much or of another shape is bad_data with file, tensor and shapes.
  std::vector<std::string> load(const std::filesystem::path& folder);

  const ModelConfig& config() const;
  const std::vector<HeadSpec>& heads() const;
  const ParameterTable& parameters() const;
  HeadInput head_input() const;
  DType precision() const;
  Tensor weights();          // f32 [elements], in bf16 [f32_elements]
  Tensor trained_weights();  // the part of them that has gradients, f32 [trained_elements]
  Tensor shadow();           // bf16 [elements], absent in f32
  Tensor gradients();        // f32 [trained_elements], absent until make_gradients()
  void refresh_shadow();     // after weights were changed by hand
  std::vector<float> download_weights() const;
  // Copies between the host and an f32 tensor where this model computes.
  std::vector<float> download(const Tensor& tensor) const;
  void upload(const Tensor& tensor, std::span<const float> values);

  // Lays out the arena for batches up to this size (measured by a counting arena first), padded where the
  // backend prefers few shapes (model/padding.h). Returns its bytes. A
  // plan for training serves inference on batches of that size too; a second plan adds to the first. Weights
  // (4 bytes a parameter, 2 more for the shadow) and gradients (4 more for what is trained) are not in the
  // sum. OutOfMemory: a smaller plan may be tried after release_plan().
  int64_t plan(Purpose purpose, int64_t max_tokens, int64_t max_rows);
  int64_t planned_bytes() const;
  void release_plan();    // as before the first plan, but for the gradients
  void make_gradients();  // of zero; plan(training) does it too
  // What one such plan takes, on a backend that prefers these shapes.
  static int64_t predict_bytes(const ModelConfig& config, const std::vector<HeadSpec>& heads, DType precision,
                               Purpose purpose, int64_t max_tokens, int64_t max_rows,
                               Shapes shapes = Shapes::any);

  struct Output {
    Tensor hidden;               // [tokens, hidden] T, the last layer
    std::vector<Tensor> logits;  // one a head: [rows, outputs] f32
  };
  // Runs the rows. dropout_key: mixes seed and step; absent: no dropout. Valid until the next forward. Longer
  // than planned: internal error. A batch without rows is legal (a rank may have no part of a batch).
  Output forward(const Batch& batch, Purpose purpose, std::optional<uint64_t> dropout_key = std::nullopt);
  Tensor hidden_state(
      int index) const;  // after layer `index` (0: embeddings) of the last training forward; for tests

  // One vector a row from the last forward, f32 [rows, hidden]. Valid until the next call or forward.
  Tensor pooled(const Batch& batch, Pooling pooling, bool normalize);
  // Head outputs of the last forward as users read them: softmax, sigmoid, or regression in the target's
  // unit. One a head: rows x outputs, on the host.
  std::vector<std::vector<float>> predictions(const Output& output);

  // What backward minimises: the heads' losses, in their order, then the language model's if the model has
  // one (ModelConfig::language_weight), then the contrastive one (ModelConfig::contrastive).
  struct Objective {
    std::string name;
    double weight;
  };
  const std::vector<Objective>& objectives() const;
  using Loss = Losses;  // one entry an objective
  // For the contrastive objective: the vectors of the last forward's rows on the host, [rows, hidden]; none
  // for a batch without rows.
  std::vector<float> pair_vectors(const Batch& batch);
  // The weights of a batch's labels and targets alone, to be summed over ranks before backward.
  std::vector<double> loss_weights(const Batch& batch, const std::vector<HeadLabels>& labels) const;
  // Adds the gradient of sum over objectives of weight * (sum of losses) / total_weight[objective] to
  // gradients(). total_weight: over all ranks and accumulated batches. on_layer(l) is called as soon as layer
  // l's gradients are complete, from the last layer to 0. pairs: the vectors of a paired batch with those of
  // the other ranks; null: there are no others.
  Loss backward(const Batch& batch, const std::vector<HeadLabels>& labels,
                const std::vector<double>& total_weight, const std::function<void(int layer)>& on_layer,
                const PairVectors* pairs = nullptr);
  // Loss without gradient (after a forward of this batch).
  Loss evaluate_loss(const Batch& batch, const std::vector<HeadLabels>& labels);

  ~Model();
  Model(Model&&) noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The heads and head input recorded in a folder's config.json (`limner` key, or id2label of a plain Hugging
// Face classifier); empty: none.
std::vector<HeadSpec> read_heads(const std::filesystem::path& folder, HeadInput& head_input);

// Writes config.json, model.safetensors (f32) and the files of sentence-transformers into an existing folder
// (the caller publishes it whole and adds the tokenizer). With HeadInput::pooler (decoders: last) the first
// head is that of the family's …ForSequenceClassification; further heads are `heads.<name>.*`. With low-rank
// updates it is a PEFT adapter: adapter_config.json and adapter_model.safetensors in place of the model.
void save_model(Model& model, const std::filesystem::path& folder, const SentenceConfig& sentence);
// The same with these weights in place of those that the model holds now, such as a copy of earlier ones:
// weights() on the host, of an adapter trained_weights() alone. Reads nothing that training changes.
void save_model(const Model& model, std::vector<float> weights, const std::filesystem::path& folder,
                const SentenceConfig& sentence);

// SHA-256 of what decides the outputs: config.json, weights (an adapter's and its base's), dense layers
// behind the pooling.
std::string checkpoint_sha256(const std::filesystem::path& folder);

}  // namespace limner
