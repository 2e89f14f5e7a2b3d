// The shape of a transformer, read from and written to a Hugging Face config.json.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "kernels/backend.h"
#include "model/rope.h"
#include "runtime/files.h"
#include "runtime/settings.h"

namespace limner {

// What a forward pass is for. Training keeps what backward needs; inference reuses its buffers.
enum class Purpose : uint8_t { inference, training };

// The vector that heads read: `pooler` is the family's own layer before the classifier, as Hugging Face's
// …ForSequenceClassification has it (BERT: tanh(dense(first token))), `last` the row's last token.
enum class HeadInput : uint8_t { pooler, mean, cls, max, last };
const char* head_input_name(HeadInput input);
HeadInput parse_head_input(const std::string& name);  // an unknown name is bad_data

// Each half of a block, attention and feed-forward layer, is normalised after it was added to the hidden
// states, or reads them normalised, and then the last layer's are normalised too.
enum class NormPlacement : uint8_t { after, before };
enum class FeedForward : uint8_t { plain, gated };

// Low-rank updates (Hu et al., "LoRA", 2021): the update of a linear layer is alpha / rank * dropout(x) A^T
// B^T. They and the heads are trained, all else is frozen.
struct Lora {
  int64_t rank = 0;  // 0: none
  double alpha = 16.0;
  float dropout = 0.0f;
  // Modules as PEFT names them: a module's name, or what it ends in behind a dot; "all-linear": all.
  std::vector<std::string> targets;
  std::filesystem::path base;  // the checkpoint that the updates are for, and its checkpoint_sha256
  std::string base_sha256;

  bool active() const { return rank > 0; }
  double scale() const { return alpha / static_cast<double>(rank); }
  bool adapts(const std::string& module) const;
};

// Layers, counted as in ParamSpec, that keep their weights.
struct Freeze {
  bool embeddings = false;
  int64_t blocks = 0;  // from the first on
  bool holds(int layer) const { return layer == 0 ? embeddings : layer <= blocks; }
};

// The contrastive objective: vectors of pairs of rows (model/contrastive.h).
struct ContrastiveConfig {
  double weight = 0.0;  // beside the heads' losses; 0: no such objective
  double temperature = 0.05;
  std::vector<int64_t> widths;  // empty: the whole vector
  Pooling pooling = Pooling::mean;
};

struct ModelConfig {
  std::string family = "bert";  // model_type
  int64_t layers = 0, hidden = 0, heads = 0, inner = 0;
  int64_t key_heads = 0;   // 0: as many as heads
  int64_t head_width = 0;  // 0: hidden / heads
  int64_t vocabulary = 0, max_positions = 0;
  int64_t segments = 2;          // 0: none
  int64_t position_offset = 0;   // rows of the position table before a row's first; RoBERTa: pad id + 1
  std::vector<Rope> ropes;       // none: a table of positions; one; or one of whole rows and one of windows
  std::vector<int64_t> windows;  // of attention, one a layer, 0: whole rows; empty: everywhere
  Masking masking = Masking::bidirectional;
  Activation activation = Activation::gelu;
  FeedForward feed_forward = FeedForward::plain;
  NormKind norm = NormKind::layer;
  NormPlacement norm_placement = NormPlacement::after;
  float norm_epsilon = 1e-12f;
  bool embedding_norm =
      true;                // without one and with norms before, the first block's norm reads the embeddings
  bool head_norm = false;  // of queries and keys
  bool distance_bias = false;  // of attention's scores, by distance of query and key (distance_buckets.h)
  bool norm_bias = true, qkv_bias = true, attention_output_bias = true, inner_bias = true;
  float initializer_range = 0.02f;
  float embedding_dropout = 0.1f, hidden_dropout = 0.1f, attention_dropout = 0.1f, head_dropout = 0.1f;
  bool has_pooler = false;      // a dense layer over the first token in the encoder's weights
  bool has_projection = false;  // the weights have what HeadInput::pooler reads
  bool projection_bias = true;
  Activation projection_activation = Activation::tanh;
  Pooling projection_pooling = Pooling::cls;
  // Weight of the language model's loss beside those of the heads; 0: the model has no such head. A decoder
  // guesses the next token, other models a hidden one.
  double language_weight = 0.0;
  bool tied_embeddings = true;  // a language model's decoder is the word embeddings
  ContrastiveConfig contrastive;
  // Tokens at the start of every row that have no part in a pooled vector: a prompt's.
  int64_t unpooled_tokens = 0;
  // Training keeps each block's result only; backward computes the rest again.
  bool recompute = false;
  int32_t pad_id = 0;
  Lora lora;      // what training adds; never read from a folder, where an adapter is read as the model with
  Freeze freeze;  // its updates added to the weights
  Json source;    // the config.json it came from, to write back what we do not use

  bool has_language_head() const { return language_weight > 0.0; }
  const char* language_objective() const {
    return masking == Masking::causal ? "causal_language_model" : "masked_language_model";
  }
  int64_t head_size() const { return head_width > 0 ? head_width : hidden / heads; }
  int64_t window(int64_t layer) const { return windows.empty() ? 0 : windows[static_cast<size_t>(layer)]; }
  AttentionShape attention(int64_t layer, const Dropout& dropout) const;
  // Outputs of the feed-forward layer's first product.
  int64_t inner_products() const { return feed_forward == FeedForward::gated ? 2 * inner : inner; }
  // What heads read where nothing else is said: a decoder's last token, the family's layer where the weights
  // have it, else the mean.
  HeadInput usual_head_input() const;
  Pooling usual_pooling() const { return masking == Masking::causal ? Pooling::last : Pooling::mean; }

  // `folder` may be a PEFT adapter, whose base says what it does not say itself. has_pooler and
  // has_projection are taken from the weights, if the folder has any. Errors: missing file, missing key,
  // unsupported value by key and value (model_type, position_embedding_type, hidden_act, rope_type, …).
  static ModelConfig read(const std::filesystem::path& folder);
  static ModelConfig from_settings(const ArchitectureSettings& settings, int64_t vocabulary);
  // config.json without the heads: `source` with every value that Limner knows set to what it is now.
  Json to_json() const;
};

struct HeadSpec {
  std::string name, field;
  std::string kind;                  // single_label, multi_label, regression
  std::vector<std::string> classes;  // regression: empty
  std::vector<float> class_weight;   // empty: all 1
  LabelUse label_use;                // of training; not written to checkpoints
  double weight = 1.0;
  double target_mean = 0.0, target_scale = 1.0;  // regression: prediction = mean + scale * output
  int64_t outputs() const { return kind == "regression" ? 1 : static_cast<int64_t>(classes.size()); }
};

}  // namespace limner
