// Weights of a Hugging Face folder into and out of the flat buffer.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "model/config.h"
#include "model/family.h"
#include "model/parameters.h"

namespace limner {

// Fills `weights` (host, table.elements()) as Model::load says; returns the names of heads' and pooler's
// parameters that are not in the folder and were left as they are.
std::vector<std::string> read_weights(const std::filesystem::path& folder, const ParameterTable& table,
                                      const Family& family, const std::vector<HeadSpec>& heads,
                                      HeadInput head_input, std::span<float> weights);

// Writes model.safetensors under Hugging Face's names, the encoder's with its prefix where a head stands
// beside it (`language_head`: the language model's). Regression heads are written so that they answer in
// the target's unit (without a bias: as its distance from the mean).
void write_weights(const std::filesystem::path& folder, const ParameterTable& table, const Family& family,
                   const std::vector<HeadSpec>& heads, HeadInput head_input, bool language_head,
                   std::vector<float> weights);

}  // namespace limner
