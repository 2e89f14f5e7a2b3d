#include "model/family.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "runtime/error.h"

namespace limner {
namespace {

const FamilyNames bert_names{
    .prefix = "bert.",
    .word = "embeddings.word_embeddings",
    .position = "embeddings.position_embeddings",
    .segment = "embeddings.token_type_embeddings",
    .embedding_norm = "embeddings.LayerNorm",
    .block = "encoder.layer.{}.",
    .qkv = "attention.self.qkv",
    .qkv_parts = {"attention.self.query", "attention.self.key", "attention.self.value"},
    .attention_output = "attention.output.dense",
    .attention_norm = "attention.output.LayerNorm",
    .inner = "intermediate.dense",
    .output = "output.dense",
    .output_norm = "output.LayerNorm",
    .pooler = true};
const FamilyKeys bert_keys{.segments = "type_vocab_size",
                           .embedding_dropout = "hidden_dropout_prob",
                           .hidden_dropout = "hidden_dropout_prob",
                           .attention_dropout = "attention_probs_dropout_prob",
                           .head_dropout = "classifier_dropout"};

Family bert() {
  return {.model_type = "bert",
          .keys = bert_keys,
          .names = bert_names,
          .head = {.model = "BertModel",
                   .classifier = "BertForSequenceClassification",
                   .output = "classifier",
                   .language_model = "BertForMaskedLM",
                   .projection = "pooler.dense",
                   .projection_in_encoder = true},
          .others = {"cls.", "classifier.", "qa_outputs."}};
}

// Also XLM-R, which is RoBERTa with another vocabulary.
Family roberta(const char* model_type, const char* model, const char* classifier) {
  Family family{.model_type = model_type,
                .keys = bert_keys,
                .names = bert_names,
                .head = {.model = model,
                         .classifier = classifier,
                         .output = "classifier.out_proj",
                         .projection = "classifier.dense",
                         .drops_before_projection = true},
                .others = {"lm_head.", "classifier.", "qa_outputs."}};
  family.names.prefix = "roberta.";
  return family;
}

Family mpnet() {
  Family family{.model_type = "mpnet",
                .keys = bert_keys,
                .names = bert_names,
                .head = {.model = "MPNetModel",
                         .classifier = "MPNetForSequenceClassification",
                         .output = "classifier.out_proj",
                         .projection = "classifier.dense",
                         .drops_before_projection = true},
                .others = {"lm_head.", "classifier.", "qa_outputs."}};
  family.keys.segments = nullptr;
  family.keys.head_dropout = "hidden_dropout_prob";
  family.names.prefix = "mpnet.";
  family.names.segment = nullptr;
  family.names.qkv = "attention.attn.qkv";
  family.names.qkv_parts = {"attention.attn.q", "attention.attn.k", "attention.attn.v"};
  family.names.attention_output = "attention.attn.o";
  family.names.attention_norm = "attention.LayerNorm";
  family.names.distance_bias = "encoder.relative_attention_bias";
  return family;
}

Family distilbert() {
  return {.model_type = "distilbert",
          .keys = {.layers = "n_layers",
                   .hidden = "dim",
                   .heads = "n_heads",
                   .inner = "hidden_dim",
                   .activation = "activation",
                   .norm_epsilon = nullptr,  // always 1e-12
                   .embedding_dropout = "dropout",
                   .hidden_dropout = "dropout",
                   .attention_dropout = "attention_dropout",
                   .head_dropout = "seq_classif_dropout"},
          .names = {.prefix = "distilbert.",
                    .word = "embeddings.word_embeddings",
                    .position = "embeddings.position_embeddings",
                    .embedding_norm = "embeddings.LayerNorm",
                    .block = "transformer.layer.{}.",
                    .qkv = "attention.qkv_lin",
                    .qkv_parts = {"attention.q_lin", "attention.k_lin", "attention.v_lin"},
                    .attention_output = "attention.out_lin",
                    .attention_norm = "sa_layer_norm",
                    .inner = "ffn.lin1",
                    .output = "ffn.lin2",
                    .output_norm = "output_layer_norm"},
          .head = {.model = "DistilBertModel",
                   .classifier = "DistilBertForSequenceClassification",
                   .output = "classifier",
                   .projection = "pre_classifier",
                   .projection_activation = Activation::relu},
          .others = {"vocab_transform.", "vocab_layer_norm.", "vocab_projector.", "pre_classifier.",
                     "classifier.", "qa_outputs."}};
}

Family gpt2() {
  return {.model_type = "gpt2",
          .keys = {.layers = "n_layer",
                   .hidden = "n_embd",
                   .heads = "n_head",
                   .inner = "n_inner",
                   .positions = "n_positions",
                   .activation = "activation_function",
                   .norm_epsilon = "layer_norm_epsilon",
                   .embedding_dropout = "embd_pdrop",
                   .hidden_dropout = "resid_pdrop",
                   .attention_dropout = "attn_pdrop"},
          .names = {.prefix = "transformer.",
                    .word = "wte",
                    .position = "wpe",
                    .block = "h.{}.",
                    .qkv = "attn.c_attn",
                    .attention_output = "attn.c_proj",
                    .attention_norm = "ln_1",
                    .inner = "mlp.c_fc",
                    .output = "mlp.c_proj",
                    .output_norm = "ln_2",
                    .final_norm = "ln_f",
                    .transposed = true},
          .head = {.model = "GPT2Model",
                   .classifier = "GPT2ForSequenceClassification",
                   .output = "score",
                   .language_model = "GPT2LMHeadModel",
                   .has_bias = false},
          .others = {"lm_head.", "score.", "qa_outputs.", "multiple_choice_head."}};
}

Family llama(const char* model_type, const char* model, const char* classifier, const char* language_model) {
  Family family{.model_type = model_type,
                .keys = {.norm_epsilon = "rms_norm_eps", .attention_dropout = "attention_dropout"},
                .names = {.prefix = "model.",
                          .word = "embed_tokens",
                          .block = "layers.{}.",
                          .qkv = "self_attn.qkv_proj",
                          .qkv_parts = {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"},
                          .attention_output = "self_attn.o_proj",
                          .attention_norm = "input_layernorm",
                          .inner = "mlp.gate_up_proj",
                          .inner_parts = {"mlp.gate_proj", "mlp.up_proj"},
                          .output = "mlp.down_proj",
                          .output_norm = "post_attention_layernorm",
                          .final_norm = "norm"},
                .head = {.model = model,
                         .classifier = classifier,
                         .output = "score",
                         .language_model = language_model,
                         .has_bias = false},
                .others = {"lm_head.", "score.", "qa_outputs."}};
  if (std::string(model_type) == "qwen3") {
    family.names.query_norm = "self_attn.q_norm";
    family.names.key_norm = "self_attn.k_norm";
  }
  return family;
}

Family modernbert() {
  return {.model_type = "modernbert",
          .keys = {.activation = "hidden_activation",
                   .norm_epsilon = "norm_eps",
                   .embedding_dropout = "embedding_dropout",
                   .attention_dropout = "attention_dropout",
                   .head_dropout = "classifier_dropout"},
          .names = {.prefix = "model.",
                    .word = "embeddings.tok_embeddings",
                    .embedding_norm = "embeddings.norm",
                    .block = "layers.{}.",
                    .qkv = "attn.Wqkv",
                    .attention_output = "attn.Wo",
                    .attention_norm = "attn_norm",
                    .inner = "mlp.Wi",
                    .output = "mlp.Wo",
                    .output_norm = "mlp_norm",
                    .final_norm = "final_norm"},
          .head = {.model = "ModernBertModel",
                   .classifier = "ModernBertForSequenceClassification",
                   .output = "classifier",
                   .projection = "head.dense",
                   .projection_norm = "head.norm",
                   .projection_activation = Activation::gelu},
          .others = {"head.", "decoder.", "classifier.", "qa_outputs."}};
}

const std::vector<Family>& families() {
  static const std::vector<Family> all{
      bert(),
      roberta("roberta", "RobertaModel", "RobertaForSequenceClassification"),
      roberta("xlm-roberta", "XLMRobertaModel", "XLMRobertaForSequenceClassification"),
      mpnet(),
      distilbert(),
      gpt2(),
      llama("llama", "LlamaModel", "LlamaForSequenceClassification", "LlamaForCausalLM"),
      llama("mistral", "MistralModel", "MistralForSequenceClassification", "MistralForCausalLM"),
      llama("qwen2", "Qwen2Model", "Qwen2ForSequenceClassification", "Qwen2ForCausalLM"),
      llama("qwen3", "Qwen3Model", "Qwen3ForSequenceClassification", "Qwen3ForCausalLM"),
      modernbert()};
  return all;
}

const Family* find_family(const std::string& model_type) {
  const auto found = std::find_if(families().begin(), families().end(),
                                  [&](const Family& family) { return model_type == family.model_type; });
  return found == families().end() ? nullptr : &*found;
}

}  // namespace

const Family& family_named(const std::string& model_type) {
  const Family* const family = find_family(model_type);
  require(family != nullptr, "no family is named '{}'", model_type);
  return *family;
}

bool is_family(const std::string& model_type) { return find_family(model_type) != nullptr; }

std::string family_list() {
  std::vector<std::string> names;
  for (const Family& family : families()) names.emplace_back(family.model_type);
  return fmt::format("{}", fmt::join(names, ", "));
}

std::string block_prefix(const Family& family, int64_t layer) {
  return fmt::format(fmt::runtime(family.names.block), layer);
}

std::string first_norm(const ModelConfig& config) {
  const Family& family = family_named(config.family);
  if (config.embedding_norm) return family.names.embedding_norm;
  return block_prefix(family, 0) + family.names.attention_norm;
}

std::string norm_after_attention(const ModelConfig& config, int64_t layer) {
  const Family& family = family_named(config.family);
  const bool before = config.norm_placement == NormPlacement::before;
  return block_prefix(family, layer) + (before ? family.names.output_norm : family.names.attention_norm);
}

std::string norm_after_feed_forward(const ModelConfig& config, int64_t layer) {
  const Family& family = family_named(config.family);
  if (config.norm_placement == NormPlacement::after)
    return block_prefix(family, layer) + family.names.output_norm;
  if (layer + 1 == config.layers) return family.names.final_norm;
  return block_prefix(family, layer + 1) + family.names.attention_norm;
}

}  // namespace limner
