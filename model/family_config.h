// Between a family's config.json and ModelConfig's choices.
#pragma once

#include <filesystem>
#include <string>

#include "model/config.h"
#include "model/config_reader.h"

namespace limner {

// All but what only the weights tell.
ModelConfig read_family(const ConfigReader& reader);
// has_pooler and has_projection, from the folder's weights if it has any.
void find_optional_layers(ModelConfig& config, const std::filesystem::path& folder);
// The family's choices, without sizes; bad_config for a family that is not made from scratch.
ModelConfig new_family(const std::string& family);
// ModernBERT's alternation, for a model from scratch with its number of layers.
void set_layer_windows(ModelConfig& config);
Json write_family(const ModelConfig& config);
Activation activation_named(const std::string& name);  // Hugging Face's names; unknown: internal error

}  // namespace limner
