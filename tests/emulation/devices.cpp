// What devices there are, and the texts of errors.
#include <cstdlib>
#include <cstring>

#include "tests/emulation/options.h"
#include "tests/emulation/runtime.h"

extern "C" {

const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "no error";
    case cudaErrorMemoryAllocation:
      return "out of memory";
    case cudaErrorLaunchFailure:
      return "unspecified launch failure";
    case cudaErrorInvalidConfiguration:
      return "invalid configuration argument";
    case cudaErrorIllegalState:
      return "the operation cannot be performed in the present state";
    case cudaErrorStreamCaptureUnsupported:
      return "operation not permitted when stream is capturing";
    case cudaErrorStreamCaptureInvalidated:
      return "operation failed due to a previous error during capture";
    case cudaErrorStreamCaptureImplicit:
      return "operation would make the legacy stream depend on a capturing blocking stream";
    case cudaErrorStreamCaptureWrongThread:
      return "attempt to terminate a thread-local capture sequence from another thread";
    default:
      return "invalid argument";
  }
}

// As many devices as ranks of a host may want, all of them this process's memory.
cudaError_t cudaGetDeviceCount(int* count) {
  const char* wanted = std::getenv("LIMNER_EMULATION_DEVICES");
  *count = wanted == nullptr ? 1 : std::atoi(wanted);
  return *count > 0 ? cudaSuccess : emulation::remember(cudaErrorNoDevice);
}
cudaError_t cudaSetDevice(int device) {
  int count = 0;
  cudaGetDeviceCount(&count);
  return device >= 0 && device < count ? cudaSuccess : emulation::remember(cudaErrorInvalidDevice);
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  if (const cudaError_t refused = cudaSetDevice(device)) return refused;
  *properties = {};
  std::strcpy(properties->name, "emulation on the CPU");
  properties->pciBusID = device;
  properties->major = emulation::options().capability / 10;
  properties->minor = emulation::options().capability % 10;
  properties->totalGlobalMem = emulation::options().memory_bytes;
  return cudaSuccess;
}
}
