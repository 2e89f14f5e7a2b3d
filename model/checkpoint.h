// Weights of a Hugging Face folder, or of a PEFT adapter, into and out of the flat buffer.
#pragma once

#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "model/config.h"
#include "model/family.h"
#include "model/parameters.h"

namespace limner {

// Takes the elements of the flat buffer from `offset` on.
using StoreWeights = std::function<void(int64_t offset, std::span<const float> values)>;

// Gives every parameter of the folder to `store`, one at a time, as Model::load says; returns the names of
// heads' and pooler's parameters that are not in the folder.
std::vector<std::string> read_weights(const std::filesystem::path& folder, const ParameterTable& table,
                                      const ModelConfig& config, const std::vector<HeadSpec>& heads,
                                      HeadInput head_input, const StoreWeights& store);

// Writes model.safetensors under Hugging Face's names, the encoder's with its prefix where a head stands
// beside it (`language_head`: the language model's). Regression heads are written so that they answer in
// the target's unit (without a bias: as its distance from the mean).
void write_weights(const std::filesystem::path& folder, const ParameterTable& table, const Family& family,
                   const std::vector<HeadSpec>& heads, HeadInput head_input, bool language_head,
                   std::vector<float> weights);

// Writes adapter_config.json and adapter_model.safetensors under PEFT's names: what is trained, which is
// `weights` (table.trained_elements()).
void write_adapter(const std::filesystem::path& folder, const ParameterTable& table,
                   const ModelConfig& config, const std::vector<HeadSpec>& heads, HeadInput head_input,
                   std::vector<float> weights);

}  // namespace limner
