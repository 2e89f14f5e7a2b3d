#include "model/flops.h"

namespace limner {

double forward_flops(const ModelConfig& config, int64_t tokens) {
  const AttentionShape shape = config.attention(0, {});
  const auto length = static_cast<double>(tokens);
  const auto products =
      static_cast<double>(shape.packed_width() + shape.width() + config.inner_products() + config.inner);
  return static_cast<double>(config.layers) * (2.0 * length * static_cast<double>(config.hidden) * products +
                                               4.0 * length * length * static_cast<double>(shape.width()));
}

}  // namespace limner
