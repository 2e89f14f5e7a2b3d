// Where dropout happens: each place of each layer draws from a key of its own.
#pragma once

#include <cstdint>
#include <optional>

#include "kernels/backend.h"
#include "runtime/random.h"

namespace limner {

enum class DropoutPlace : uint32_t {
  embeddings,
  attention,
  attention_output,
  output,
  head,
  projection,
  qkv_update,
  attention_output_update,
  inner_update,
  output_update
};

// step_key mixes seed and step; without it nothing is dropped. layer counts as in ParamSpec.
inline Dropout dropout_at(std::optional<uint64_t> step_key, float probability, int layer,
                          DropoutPlace place) {
  if (!step_key) return {};
  const auto words = philox4x32({static_cast<uint32_t>(layer), static_cast<uint32_t>(place), 0, 0},
                                {static_cast<uint32_t>(*step_key), static_cast<uint32_t>(*step_key >> 32)});
  return {probability, (uint64_t{words[1]} << 32) | words[0]};
}

}  // namespace limner
