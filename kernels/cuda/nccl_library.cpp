#include "kernels/cuda/nccl_library.h"

#include <dlfcn.h>

#include <type_traits>

namespace limner {
namespace {

constexpr const char* kFileName = "libnccl.so.2";

struct Found {
  NcclLibrary library{};
  std::string missing;  // empty: all is there
};

Found load() {
  Found found;
  // Never closed: its threads run until the program ends.
  void* file = dlopen(kFileName, RTLD_NOW | RTLD_LOCAL);
  if (file == nullptr) {
    found.missing = dlerror();
    return found;
  }
  const auto take = [&](auto& function, const char* name) {
    void* address = dlsym(file, name);
    if (address == nullptr) found.missing = std::string(kFileName) + " has no " + name;
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(address);
  };
  take(found.library.get_version, "ncclGetVersion");
  take(found.library.get_unique_id, "ncclGetUniqueId");
  take(found.library.init_rank, "ncclCommInitRankConfig");
  take(found.library.all_reduce, "ncclAllReduce");
  take(found.library.all_gather, "ncclAllGather");
  take(found.library.get_async_error, "ncclCommGetAsyncError");
  take(found.library.abort, "ncclCommAbort");
  take(found.library.error_string, "ncclGetErrorString");
  take(found.library.last_error, "ncclGetLastError");
  return found;
}

}  // namespace

const NcclLibrary* find_nccl(std::string* reason) {
  static const Found found = load();
  if (found.missing.empty()) return &found.library;
  *reason = found.missing;
  return nullptr;
}

}  // namespace limner
