// Rotary position embeddings: their settings in config.json, and the table that Backend::rotate reads.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/config_reader.h"

namespace limner {

// Frequencies are changed as transformers does it: linear (all divided by `factor`), llama3 (the low ones),
// yarn (Peng et al., 2023: a ramp between both, and all scaled by `attention_factor`). dynamic changes
// nothing in rows of at most max_position_embeddings tokens, and no row is longer here.
enum class RopeType : uint8_t { usual, linear, dynamic, llama3, yarn };

struct Rope {
  RopeType type = RopeType::usual;
  double theta = 10000.0;
  double factor = 1.0;
  double low_frequency_factor = 1.0, high_frequency_factor = 4.0;    // llama3
  double beta_fast = 32.0, beta_slow = 1.0, attention_factor = 1.0;  // yarn
  bool truncate = true;
  double original_positions = 0.0;  // llama3, yarn
};

// From the value of a key such as rope_parameters or rope_scaling; null: the usual embedding. Refused by key
// and value: an unknown rope_type, an unknown key, a number that does not fit.
Rope read_rope(const ConfigReader& reader, const std::string& key, const Json& parameters, double theta,
               int64_t max_positions);

// [positions, head_size] f32: the cosines of a position's head_size / 2 angles, then their sines. Angles are
// rounded to f32 as transformers has them.
std::vector<float> rotation_table(const Rope& rope, int64_t head_size, int64_t positions);

}  // namespace limner
