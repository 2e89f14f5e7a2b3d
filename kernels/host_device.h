// Marks a function that host and GPU code share; nothing to a host compiler.
#pragma once

#ifdef __CUDACC__
#define LIMNER_HOST_DEVICE __host__ __device__
#else
#define LIMNER_HOST_DEVICE
#endif
