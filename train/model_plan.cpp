#include "train/model_plan.h"

#include <algorithm>

#include "kernels/select.h"
#include "model/family.h"
#include "runtime/error.h"

namespace limner {
namespace {

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

}  // namespace

ModelPlan plan_model(const Settings& settings) {
  ModelPlan plan;
  SentenceConfig& sentence = plan.sentence;
  if (settings.model.checkpoint) {
    plan.config = ModelConfig::read(*settings.model.checkpoint);
    sentence = SentenceConfig::read(*settings.model.checkpoint);
  } else {
    plan.config = ModelConfig::from_settings(settings.model.architecture, settings.model.vocabulary.size);
  }
  if (const auto& dropout = settings.train.dropout; !dropout.is_auto()) {
    const float probability = static_cast<float>(*dropout.value);
    plan.config.embedding_dropout = plan.config.hidden_dropout = probability;
    plan.config.attention_dropout = plan.config.head_dropout = probability;
  }
  plan.config.language_weight = settings.train.masked_language_model.weight;
  if (plan.config.has_language_head() && family_named(plan.config.family).head.language_model == nullptr) {
    fail(ExitCode::bad_config,
         "train.masked_language_model and train.pretraining: not for model_type '{}'; only bert's language "
         "head "
         "is known",
         plan.config.family);
  }
  plan.head_input = head_input_of(settings.train.pooling, plan.config);
  plan.precision = select_precision(settings.runtime);
  plan.max_length = max_length_of(settings, plan.config, sentence);
  plan.prompt = sentence.prompt_for(settings.model.prompt);
  sentence.set_default_prompt(plan.prompt);
  if (!sentence.present) sentence.pooling = pooling_like(plan.head_input, plan.config);
  sentence.max_length = plan.max_length;
  return plan;
}

Settings pretraining_settings(const Settings& settings) {
  Settings pretraining = settings;
  TrainSettings& train = pretraining.train;
  train.heads.clear();
  train.masked_language_model.weight = 1.0;
  train.num_train_epochs = train.pretraining.num_train_epochs;
  train.learning_rate = train.pretraining.learning_rate;
  train.pretraining = {};
  train.max_steps = 0;
  train.eval_steps = train.save_steps = 0;
  train.early_stopping_patience = 0;
  train.metric_for_best_model = "auto";
  return pretraining;
}

}  // namespace limner
