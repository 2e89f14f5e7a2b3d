// Which model is trained: decided from the settings and the checkpoint before any row is read.
#pragma once

#include <cstdint>

#include "model/model.h"
#include "runtime/run.h"

namespace limner {

struct ModelPlan {
  ModelConfig config;  // from scratch: the vocabulary asked for, until the tokenizer is learned
  HeadInput head_input = HeadInput::mean;
  DType precision = DType::f32;
  int64_t max_length = 0;   // tokens of a row
  std::string prompt;       // before every text
  SentenceConfig sentence;  // what the checkpoint will say to sentence-transformers
};

// Errors: a device or precision that is not there, low-rank updates of nothing or without a base, max_length
// beyond the model's positions, pooler wanted of a model without one (bad_config); what ModelConfig::read
// refuses.
ModelPlan plan_model(const Settings& settings);

// The settings of the learning from texts alone that train.pretraining asks for: no heads, its own objective,
// epochs and learning rate, everything trained, all else as in fine-tuning.
Settings pretraining_settings(const Settings& settings);

}  // namespace limner
