// NCCL over MPI: what Limner uses of it, not blocking, in place. All ranks of the world take part.
#include <cuda_runtime.h>
#include <mpi.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "kernels/cuda/nccl_library.h"
#include "tests/emulation/runtime.h"

struct ncclComm {
  MPI_Comm ranks = MPI_COMM_NULL;
  MPI_Request start = MPI_REQUEST_NULL;
  // Sums in a stream's queue look at it after the communicator is gone.
  std::shared_ptr<bool> aborted = std::make_shared<bool>(false);
};

namespace {

constexpr char kMark = 'L';

bool done(MPI_Request& request) {
  int flag = 0;
  if (MPI_Test(&request, &flag, MPI_STATUS_IGNORE) != MPI_SUCCESS) emulation::fail("NCCL: MPI failed");
  return flag != 0;
}

ncclResult_t get_unique_id(ncclUniqueId* id) {
  std::ranges::fill(id->internal, kMark);
  return ncclSuccess;
}

ncclResult_t init_rank(ncclComm_t* comm, int ranks, ncclUniqueId id, int rank, ncclConfig_t* config) {
  int size = 0, mine = 0;
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  MPI_Comm_rank(MPI_COMM_WORLD, &mine);
  if (config->blocking != 0) emulation::fail("NCCL: only communicators that do not block are emulated");
  if (ranks != size || rank != mine || id.internal[0] != kMark) return ncclInvalidArgument;
  *comm = new ncclComm;
  MPI_Comm_idup(MPI_COMM_WORLD, &(*comm)->ranks, &(*comm)->start);
  return ncclInProgress;
}

ncclResult_t get_async_error(ncclComm_t comm, ncclResult_t* result) {
  *result = done(comm->start) ? ncclSuccess : ncclInProgress;
  return ncclSuccess;
}

// start(ranks, request) begins the operation on `count` floats once the stream comes to it.
template <class Start>
ncclResult_t enqueue_operation(const void* memory, size_t count, ncclComm_t comm, cudaStream_t stream,
                               Start start) {
  if (!done(comm->start)) emulation::fail("NCCL: a call to a communicator that is not ready");
  const auto* last = static_cast<const float*>(memory) + count;
  if (count > 0 && (!emulation::is_device_memory(memory) || !emulation::is_device_memory(last - 1))) {
    emulation::fail("NCCL: %zu floats at %p do not lie in device memory", count, memory);
  }
  emulation::enqueue_until(stream, [start, ranks = comm->ranks, aborted = comm->aborted,
                                    request = MPI_REQUEST_NULL, started = false]() mutable {
    if (*aborted) return true;
    if (!started) {
      start(ranks, &request);
      started = true;
    }
    return done(request);
  });
  return ncclSuccess;
}

ncclResult_t all_reduce(const void* from, void* to, size_t count, ncclDataType_t type, ncclRedOp_t operation,
                        ncclComm_t comm, cudaStream_t stream) {
  if (from != to || type != ncclFloat32 || operation != ncclSum) return ncclInvalidArgument;
  return enqueue_operation(to, count, comm, stream, [=](MPI_Comm ranks, MPI_Request* request) {
    MPI_Iallreduce(MPI_IN_PLACE, to, static_cast<int>(count), MPI_FLOAT, MPI_SUM, ranks, request);
  });
}

ncclResult_t all_gather(const void* from, void* to, size_t count, ncclDataType_t type, ncclComm_t comm,
                        cudaStream_t stream) {
  int size = 0, mine = 0;
  MPI_Comm_size(comm->ranks, &size);
  MPI_Comm_rank(comm->ranks, &mine);
  const bool in_place = from == static_cast<float*>(to) + count * static_cast<size_t>(mine);
  if (!in_place || type != ncclFloat32) return ncclInvalidArgument;
  return enqueue_operation(to, count * static_cast<size_t>(size), comm, stream,
                           [=](MPI_Comm ranks, MPI_Request* request) {
                             MPI_Iallgather(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, to, static_cast<int>(count),
                                            MPI_FLOAT, ranks, request);
                           });
}

// The MPI communicator stays: sums that others have not joined are still under way on it.
ncclResult_t abort_communicator(ncclComm_t comm) {
  *comm->aborted = true;
  delete comm;
  return ncclSuccess;
}

ncclResult_t get_version(int* version) {
  *version = NCCL_VERSION_CODE;
  return ncclSuccess;
}

const char* error_string(ncclResult_t) { return "invalid argument"; }
const char* last_error(ncclComm_t) { return "of the emulation"; }

}  // namespace

namespace limner {

const NcclLibrary* find_nccl(std::string* reason) {
  const char* wanted = std::getenv("LIMNER_EMULATION_NCCL");
  if (wanted != nullptr && std::string(wanted) == "0") {
    *reason = "no NCCL in this emulation";
    return nullptr;
  }
  static constexpr NcclLibrary library{get_version,        get_unique_id, init_rank,
                                       all_reduce,         all_gather,    get_async_error,
                                       abort_communicator, error_string,  last_error};
  return &library;
}

}  // namespace limner
