#include "train/model_plan.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "kernels/select.h"
#include "model/adapter_config.h"
#include "model/family.h"
#include "runtime/error.h"
#include "runtime/files.h"

namespace limner {
namespace {

constexpr const char* masked = "masked_language_model";
constexpr const char* causal = "causal_language_model";
constexpr const char* contrastive = "contrastive";

HeadInput head_input_of(const std::string& pooling, const ModelConfig& config) {
  return pooling == "auto" ? config.usual_head_input() : parse_head_input(pooling);
}

Pooling pooling_like(HeadInput input, const ModelConfig& config) {
  switch (input) {
    case HeadInput::last:
      return Pooling::last;
    case HeadInput::cls:
      return Pooling::cls;
    case HeadInput::max:
      return Pooling::max;
    case HeadInput::mean:
      return Pooling::mean;
    case HeadInput::pooler:
      return config.usual_pooling();
  }
  return config.usual_pooling();
}

int64_t max_length_of(const Settings& settings, const ModelConfig& config, const SentenceConfig& sentence) {
  const Auto<int64_t>& wanted = settings.model.max_length;
  if (!wanted.is_auto()) {
    if (*wanted.value > config.max_positions) {
      fail(ExitCode::bad_config, "model.max_length: {} tokens, but the model has {} positions; lower it{}",
           *wanted.value, config.max_positions,
           settings.model.checkpoint ? "" : " or raise model.architecture.max_positions");
    }
    return *wanted.value;
  }
  return sentence.max_length > 0 ? std::min(sentence.max_length, config.max_positions) : config.max_positions;
}

// Each target must mean something, or a misspelt one would go unnoticed.
void check_targets(const ModelConfig& config) {
  for (const std::string& target : config.lora.targets) {
    ModelConfig alone = config;
    alone.lora.targets = {target};
    std::vector<std::string> known;
    bool found = false;
    for (int64_t block = 0; block < config.layers; ++block) {
      for (const BlockLinear linear : block_linears) {
        found = found || !updated_modules(alone, block, linear).empty();
        if (block > 0) continue;
        for (const LinearModule& module : linear_modules(config, block, linear)) known.push_back(module.name);
      }
    }
    if (found) continue;
    fail(ExitCode::bad_config,
         "train.lora.targets: '{}' is the end of no linear layer's name; the first block has {}; all-linear "
         "takes all",
         target, fmt::join(known, ", "));
  }
}

Lora plan_lora(const Settings& settings, const ModelConfig& config) {
  Lora lora;
  const LoraSettings& wanted = settings.train.lora;
  if (wanted.rank == 0) return lora;
  const auto refuse = [](const char* why) { fail(ExitCode::bad_config, "train.lora: {}", why); };
  const auto& checkpoint = settings.model.checkpoint;
  if (!checkpoint && settings.train.pretraining.num_train_epochs <= 0) {
    refuse(
        "an adapter is for a model that stays as it is: name it (model.checkpoint), or set "
        "train.pretraining");
  }
  if (config.has_language_head()) {
    refuse("a language model's head is in no adapter; set its weight to 0, or use train.pretraining");
  }
  if (settings.train.freeze.embeddings || settings.train.freeze.layers > 0) {
    refuse("everything but the updates and the heads is frozen already; leave train.freeze out");
  }
  if (wanted.targets.empty()) refuse("targets is empty; all-linear takes all linear layers");
  lora.rank = wanted.rank;
  lora.alpha = wanted.alpha;
  lora.dropout = static_cast<float>(wanted.dropout);
  lora.targets = wanted.targets;
  if (!checkpoint) return lora;  // a forecast before pretraining
  const fs::path base =
      AdapterConfig::present(*checkpoint) ? AdapterConfig::read(*checkpoint).base : fs::path(*checkpoint);
  lora.base = fs::canonical(base);
  lora.base_sha256 = checkpoint_sha256(base);
  return lora;
}

Freeze plan_freeze(const Settings& settings, const ModelConfig& config) {
  const FreezeSettings& wanted = settings.train.freeze;
  if (wanted.layers > config.layers) {
    fail(ExitCode::bad_config, "train.freeze.layers: {}, but the model has {}", wanted.layers, config.layers);
  }
  if (wanted.embeddings && config.has_language_head()) {
    fail(ExitCode::bad_config,
         "train.freeze.embeddings: the language model's decoder may be the word embeddings; set its weight "
         "to 0");
  }
  return {wanted.embeddings, wanted.layers};
}

// Before the settings of training are put in.
ModelConfig start_config(const Settings& settings) {
  if (settings.model.checkpoint) return ModelConfig::read(*settings.model.checkpoint);
  return ModelConfig::from_settings(settings.model.architecture, settings.model.vocabulary.size);
}

double language_weight(const TrainSettings& train, const ModelConfig& config) {
  const bool decoder = config.masking == Masking::causal;
  const double wanted = decoder ? train.causal_language_model.weight : train.masked_language_model.weight;
  const double other = decoder ? train.masked_language_model.weight : train.causal_language_model.weight;
  if (other > 0) {
    fail(ExitCode::bad_config, "train.{}: model_type '{}' {}; use train.{}", decoder ? masked : causal,
         config.family, decoder ? "reads each token with those before it alone" : "reads whole rows",
         decoder ? causal : masked);
  }
  if (wanted > 0 && family_named(config.family).head.language_model == nullptr) {
    fail(ExitCode::bad_config,
         "train.masked_language_model and train.pretraining: not for model_type '{}'; of models that read "
         "whole rows only bert's language head is known",
         config.family);
  }
  return wanted;
}

ContrastiveConfig contrastive_config(const TrainSettings& train, const ModelPlan& plan) {
  const ContrastiveSettings& settings = train.contrastive;
  if (settings.weight <= 0) return {};
  if (plan.config.has_language_head()) {
    fail(ExitCode::bad_config,
         "train.contrastive beside train.{}: one wants whole texts, the other guesses at their tokens; set "
         "one of the weights to 0, or use train.pretraining.objective for one of them",
         plan.config.language_objective());
  }
  if (!plan.sentence.layers.empty()) {
    fail(ExitCode::bad_config,
         "train.contrastive: the checkpoint's vectors go through {} dense layers, which are not trained; set "
         "train.contrastive.weight to 0 or remove them from its modules.json",
         plan.sentence.layers.size());
  }
  const bool drops = plan.config.embedding_dropout > 0 || plan.config.hidden_dropout > 0 ||
                     plan.config.attention_dropout > 0;
  if (settings.pair_by == "none" && !drops) {
    fail(
        ExitCode::bad_config,
        "train.contrastive.pair_by: none pairs a text with itself under other dropout, but dropout is 0; set "
        "train.dropout, or pair by customer or item");
  }
  return {settings.weight, settings.temperature, settings.widths, plan.sentence.pooling};
}

}  // namespace

ModelPlan plan_model(const Settings& settings) {
  ModelPlan plan;
  SentenceConfig& sentence = plan.sentence;
  plan.config = start_config(settings);
  if (settings.model.checkpoint) sentence = SentenceConfig::read(*settings.model.checkpoint);
  if (const auto& dropout = settings.train.dropout; !dropout.is_auto()) {
    const float probability = static_cast<float>(*dropout.value);
    plan.config.embedding_dropout = plan.config.hidden_dropout = probability;
    plan.config.attention_dropout = plan.config.head_dropout = probability;
  }
  plan.config.language_weight = language_weight(settings.train, plan.config);
  plan.config.recompute = settings.train.gradient_checkpointing;
  plan.config.lora = plan_lora(settings, plan.config);
  if (plan.config.lora.active()) check_targets(plan.config);
  plan.config.freeze = plan_freeze(settings, plan.config);
  plan.head_input = head_input_of(settings.train.pooling, plan.config);
  plan.precision = select_precision(settings.runtime);
  plan.max_length = max_length_of(settings, plan.config, sentence);
  plan.prompt = sentence.prompt_for(settings.model.prompt);
  sentence.set_default_prompt(plan.prompt);
  if (!sentence.present) sentence.pooling = pooling_like(plan.head_input, plan.config);
  sentence.max_length = plan.max_length;
  plan.config.contrastive = contrastive_config(settings.train, plan);
  return plan;
}

Settings pretraining_settings(const Settings& settings) {
  Settings pretraining = settings;
  TrainSettings& train = pretraining.train;
  train.heads.clear();
  train.balance.reset();
  std::string objective = train.pretraining.objective;
  if (objective == "auto") objective = start_config(settings).language_objective();
  train.masked_language_model.weight = objective == masked ? 1.0 : 0.0;
  train.causal_language_model.weight = objective == causal ? 1.0 : 0.0;
  train.contrastive.weight = objective == contrastive ? 1.0 : 0.0;
  train.num_train_epochs = train.pretraining.num_train_epochs;
  train.learning_rate = train.pretraining.learning_rate;
  train.pretraining = {};
  train.lora = {};
  train.freeze = {};
  train.layer_lr_decay = 1.0;
  train.max_steps = 0;
  train.eval_steps = train.save_steps = 0;
  train.early_stopping_patience = 0;
  train.metric_for_best_model = "auto";
  return pretraining;
}

}  // namespace limner
