// The activation of a linear layer, after the matrix product.
#pragma once

#include <cuda_runtime.h>

#include "kernels/backend.h"

namespace limner {

// y = activation(pre), elementwise; y may be pre. Both f32 or both bf16, any shape.
void activation_forward(cudaStream_t stream, Tensor y, Tensor pre, Activation activation);

}  // namespace limner
