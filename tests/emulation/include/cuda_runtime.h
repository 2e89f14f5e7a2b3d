// Stands before the toolkit's <cuda_runtime.h> on the include path of an emulated build: the qualifiers
// become empty (the toolkit's headers, from CUDA 13 on, keep them when they are defined and nvcc is not
// compiling), the toolkit's own declarations follow, then the device's functions for a host compiler.
#pragma once

#define LIMNER_EMULATION 1
#define __host__
#define __device__
#define __global__
#define __constant__
#define __grid_constant__
#define __launch_bounds__(...)

#include_next <cuda_runtime.h>

#include "emulation/device.h"
#include "emulation/launch.h"
#include "emulation/shared_memory.h"
