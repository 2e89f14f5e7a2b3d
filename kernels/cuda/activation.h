// The activation of a linear layer, after the matrix product.
#pragma once

#include "kernels/backend.h"
#include "kernels/cuda/stream.h"

namespace limner {

// y = activation(pre), elementwise; y may be pre. Both f32 or both bf16, any shape.
void activation_forward(GpuStream& stream, Tensor y, Tensor pre, Activation activation);

}  // namespace limner
