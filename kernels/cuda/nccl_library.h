// NCCL, looked for when gradients are first summed: the module loads on machines without it.
#pragma once

#include <nccl.h>

#include <string>

namespace limner {

struct NcclLibrary {
  decltype(&ncclGetVersion) get_version;
  decltype(&ncclGetUniqueId) get_unique_id;
  decltype(&ncclCommInitRankConfig) init_rank;
  decltype(&ncclAllReduce) all_reduce;
  decltype(&ncclAllGather) all_gather;
  decltype(&ncclCommGetAsyncError) get_async_error;
  decltype(&ncclCommAbort) abort;
  decltype(&ncclGetErrorString) error_string;
  decltype(&ncclGetLastError) last_error;
};

// libnccl.so.2 of the machine, loaded at the first call; null, with the reason, where there is none. The
// emulation of tests/emulation has a function of this name instead.
const NcclLibrary* find_nccl(std::string* reason);

}  // namespace limner
