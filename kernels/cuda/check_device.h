// kernels/check.h for tensors on the GPU.
#pragma once

#include "kernels/check.h"

namespace limner {

inline void check_device_tensor(std::string_view operation, std::string_view argument, const Tensor& tensor,
                                DType dtype, std::initializer_list<int64_t> dims) {
  check_tensor(operation, argument, tensor, dtype, dims, Device::cuda);
}
inline void check_device_optional(std::string_view operation, std::string_view argument, const Tensor& tensor,
                                  DType dtype, std::initializer_list<int64_t> dims) {
  check_optional(operation, argument, tensor, dtype, dims, Device::cuda);
}

}  // namespace limner
