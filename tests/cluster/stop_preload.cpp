// Preloaded into a program: one rank stops itself, as by SIGSTOP, on entering a call that starts or ends MPI.
//
//   LIMNER_STOP_IN=MPI_Finalize:1    call, rank
#include <mpi.h>

#include <csignal>
#include <cstdlib>
#include <string>

namespace {

void stop_in(const char* call) {
  const char* const wanted = std::getenv("LIMNER_STOP_IN");
  const char* const rank = std::getenv("PMIX_RANK");
  if (wanted != nullptr && rank != nullptr && std::string(call) + ":" + rank == wanted) raise(SIGSTOP);
}

}  // namespace

extern "C" int MPI_Init_thread(int* argc, char*** argv, int wanted, int* provided) {
  stop_in("MPI_Init");
  return PMPI_Init_thread(argc, argv, wanted, provided);
}

extern "C" int MPI_Finalize() {
  stop_in("MPI_Finalize");
  return PMPI_Finalize();
}
