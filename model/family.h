// The families of transformers: how each spells its choices in config.json and what it calls its tensors.
// What is computed stands in ModelConfig and depends on no name.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "kernels/backend.h"
#include "model/config.h"

namespace limner {

// Keys of config.json; null: the family has no such key.
struct FamilyKeys {
  const char* layers = "num_hidden_layers";
  const char* hidden = "hidden_size";
  const char* heads = "num_attention_heads";
  const char* inner = "intermediate_size";
  const char* positions = "max_position_embeddings";
  const char* segments = nullptr;
  const char* activation = "hidden_act";
  const char* norm_epsilon = "layer_norm_eps";
  const char* embedding_dropout = nullptr;
  const char* hidden_dropout = nullptr;
  const char* attention_dropout = nullptr;
  const char* head_dropout = nullptr;
};

// Tensors of the encoder, without `prefix` and without ".weight" and ".bias"; null: the family has none.
struct FamilyNames {
  const char* prefix;  // "bert.", absent in folders of the encoder alone
  const char* word;
  const char* position = nullptr;
  const char* segment = nullptr;
  const char* embedding_norm = nullptr;
  const char* block;  // "encoder.layer.{}."; the next eight stand behind it
  const char* qkv;
  std::array<const char*, 3> qkv_parts{};  // the tensors of the file; null: fused there too
  const char* attention_output;
  const char* attention_norm;
  const char* inner;
  std::array<const char*, 2> inner_parts{};  // of a gated layer: gate and value
  const char* output;
  const char* output_norm;
  const char* query_norm = nullptr;
  const char* key_norm = nullptr;
  const char* final_norm = nullptr;
  const char* distance_bias = nullptr;
  bool pooler = false;      // "pooler.dense" may stand over the first token
  bool transposed = false;  // GPT-2's linear layers are stored as [in, out]
};

// The head of AutoModelForSequenceClassification. `projection` is the layer between a row's vector and the
// classifier; null: the classifier reads the vector.
struct FamilyHead {
  const char* model;                     // architectures of a folder without that head
  const char* classifier;                // and with it
  const char* output;                    // "classifier": its last linear layer
  const char* language_model = nullptr;  // architectures with a language model's head, if we know it
  const char* projection = nullptr;      // "pooler.dense"
  const char* projection_norm = nullptr;
  Activation projection_activation = Activation::tanh;
  bool projection_in_encoder = false;    // BERT's: its name stands behind the prefix
  bool drops_before_projection = false;  // RoBERTa's
  bool has_bias = true;                  // of the output
};

struct Family {
  const char* model_type;
  FamilyKeys keys;
  FamilyNames names;
  FamilyHead head;
  // Tensors of other tasks' heads, which may lie in a folder and are left out.
  std::vector<const char*> others;
};

// An unknown model_type is an internal error: ModelConfig::read has refused it by then.
const Family& family_named(const std::string& model_type);
bool is_family(const std::string& model_type);
std::string family_list();  // "bert, roberta, …"

// "encoder.layer.{}." and 3 -> "encoder.layer.3."
std::string block_prefix(const Family& family, int64_t layer);

// The norms in the order in which they are computed: before the first half of the first block, after its
// attention, after its feed-forward layer. Where norms stand before each half, the one after a half is the
// next half's.
std::string first_norm(const ModelConfig& config);
std::string norm_after_attention(const ModelConfig& config, int64_t layer);
std::string norm_after_feed_forward(const ModelConfig& config, int64_t layer);

}  // namespace limner
