// Activations over a tile of a tensor, for the linear layer's epilogue.
#pragma once

#include "kernels/backend.h"

namespace limner {

struct Tile {
  int64_t row, column, rows, columns;
};

// y = activation(pre) on the tile; y may be pre. Same shape and type.
void activation_tile(const Tensor& y, const Tensor& pre, Activation activation, const Tile& tile);

}  // namespace limner
