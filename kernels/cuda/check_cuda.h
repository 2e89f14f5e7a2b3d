#pragma once

#include <cuda_runtime.h>

#include <source_location>

namespace limner {

// An error of the CUDA runtime is ExitCode::internal with its text and the caller's place.
void check_cuda(cudaError_t status, std::source_location place = std::source_location::current());

}  // namespace limner
