#include "cli/version.h"

#include <H5public.h>
#include <fmt/core.h>
#include <mpi.h>
#include <oneapi/dnnl/dnnl.h>

#include "kernels/backend.h"
#include "kernels/cuda_module.h"
#include "runtime/version.h"

namespace limner {
namespace {

std::string cuda_text() {
  const FoundCuda& found = find_cuda();
  return found.devices > 0 ? fmt::format("{} GPUs", found.devices) : found.reason;
}

}  // namespace

std::string version_text() {
  char mpi[MPI_MAX_LIBRARY_VERSION_STRING];
  int length = 0;
  MPI_Get_library_version(mpi, &length);
  std::string mpi_version(mpi, static_cast<size_t>(length));
  mpi_version = mpi_version.substr(0, mpi_version.find(','));
  unsigned major = 0, minor = 0, release = 0;
  H5get_libversion(&major, &minor, &release);
  const dnnl_version_t* dnnl = dnnl_version();
  return fmt::format(
      "limner {}\nMPI     {}\nHDF5    {}.{}.{}\noneDNN  {}.{}.{}\nCUDA    {}\nNCCL    not in "
      "this build\nCPU     bf16 products: {}\n",
      build_version(), mpi_version, major, minor, release, dnnl->major, dnnl->minor, dnnl->patch, cuda_text(),
      cpu_has_bf16() ? "native" : "emulated");
}

}  // namespace limner
