// Preloaded into a program: makes one call of the C library fail. For paths below one folder only, so that
// neither libraries nor MPI's own files are touched.
//
//   LIMNER_FAULT_FOLDER=/tmp/run   files below it count
//   LIMNER_FAULT=write:17:ENOSPC   the 17th write (from 1): EIO, ENOSPC, EINTR, short, kill-before,
//   kill-after LIMNER_FAULT_COUNTS=/tmp/n     at the end, lines "write 212" go there: how many calls there
//   were
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/types.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

enum Call { call_open, call_read, call_write, call_fsync, call_rename, call_count };
constexpr const char* names[call_count] = {"open", "read", "write", "fsync", "rename"};

struct Plan {
  std::string folder, counts;
  int call = -1;
  long number = 0;
  std::string action;

  Plan() {
    const auto text = [](const char* name) { return std::string(getenv(name) ? getenv(name) : ""); };
    folder = text("LIMNER_FAULT_FOLDER");
    counts = text("LIMNER_FAULT_COUNTS");
    const std::string fault = text("LIMNER_FAULT");
    const size_t first = fault.find(':'), second = fault.find(':', first + 1);
    if (second == std::string::npos) return;
    for (int i = 0; i < call_count; ++i) {
      if (fault.compare(0, first, names[i]) == 0) call = i;
    }
    number = strtol(fault.c_str() + first + 1, nullptr, 10);
    action = fault.substr(second + 1);
  }
};

const Plan& plan() {
  static const Plan* const value = new Plan;  // outlives every destructor of the program
  return *value;
}

std::atomic<long> calls[call_count];

bool below(const char* path) {
  if (plan().folder.empty() || path == nullptr) return false;
  std::string whole = path;
  if (path[0] != '/') {
    char here[PATH_MAX];
    if (getcwd(here, sizeof here) == nullptr) return false;
    whole = std::string(here) + "/" + path;
  }
  return whole.starts_with(plan().folder);
}

bool below(int descriptor) {
  char link[64], path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  const ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0) return false;
  path[length] = '\0';
  return path[0] == '/' && below(path);
}

enum class Fault { none, error, shortened, kill_after };

// Counts the call; says what is to happen to it, with errno set for an error.
template <class Where>
Fault fault(Call call, Where where) {
  const int before = errno;
  const bool counts = below(where);
  errno = before;
  if (!counts) return Fault::none;
  const long number = ++calls[call];
  if (plan().call != call || plan().number != number) return Fault::none;
  const std::string& action = plan().action;
  if (action == "kill-before") raise(SIGKILL);
  if (action == "kill-after") return Fault::kill_after;
  if (action == "short") return Fault::shortened;
  errno = action == "ENOSPC" ? ENOSPC : action == "EINTR" ? EINTR : EIO;
  return Fault::error;
}

template <class Function>
Function next(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

template <class Result>
Result after(Fault kind, Result result) {
  if (kind == Fault::kill_after) raise(SIGKILL);
  return result;
}

size_t length_of(Fault kind, size_t bytes) { return kind == Fault::shortened ? (bytes + 1) / 2 : bytes; }

struct Report {
  ~Report() {
    if (plan().counts.empty()) return;
    FILE* file = fopen(plan().counts.c_str(), "a");
    if (file == nullptr) return;
    for (int i = 0; i < call_count; ++i) fprintf(file, "%s %ld\n", names[i], calls[i].load());
    fclose(file);
  }
} report;

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, mode_t) : 0;
  va_end(more);
  static const auto real = next<int (*)(const char*, int, ...)>("open");
  const Fault kind = fault(call_open, path);
  return kind == Fault::error ? -1 : after(kind, real(path, flags, mode));
}

int open64(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, mode_t) : 0;
  va_end(more);
  static const auto real = next<int (*)(const char*, int, ...)>("open64");
  const Fault kind = fault(call_open, path);
  return kind == Fault::error ? -1 : after(kind, real(path, flags, mode));
}

ssize_t read(int descriptor, void* data, size_t bytes) {
  static const auto real = next<ssize_t (*)(int, void*, size_t)>("read");
  const Fault kind = fault(call_read, descriptor);
  return kind == Fault::error ? -1 : after(kind, real(descriptor, data, length_of(kind, bytes)));
}

ssize_t pread(int descriptor, void* data, size_t bytes, off_t offset) {
  static const auto real = next<ssize_t (*)(int, void*, size_t, off_t)>("pread");
  const Fault kind = fault(call_read, descriptor);
  return kind == Fault::error ? -1 : after(kind, real(descriptor, data, length_of(kind, bytes), offset));
}

ssize_t pread64(int descriptor, void* data, size_t bytes, off64_t offset) {
  static const auto real = next<ssize_t (*)(int, void*, size_t, off64_t)>("pread64");
  const Fault kind = fault(call_read, descriptor);
  return kind == Fault::error ? -1 : after(kind, real(descriptor, data, length_of(kind, bytes), offset));
}

ssize_t write(int descriptor, const void* data, size_t bytes) {
  static const auto real = next<ssize_t (*)(int, const void*, size_t)>("write");
  const Fault kind = fault(call_write, descriptor);
  return kind == Fault::error ? -1 : after(kind, real(descriptor, data, length_of(kind, bytes)));
}

int fsync(int descriptor) {
  static const auto real = next<int (*)(int)>("fsync");
  const Fault kind = fault(call_fsync, descriptor);
  return kind == Fault::error ? -1 : after(kind, real(descriptor));
}

int rename(const char* from, const char* to) {
  static const auto real = next<int (*)(const char*, const char*)>("rename");
  const Fault kind = fault(call_rename, to);
  return kind == Fault::error ? -1 : after(kind, real(from, to));
}

int renameat2(int from_folder, const char* from, int to_folder, const char* to, unsigned int flags) {
  static const auto real = next<int (*)(int, const char*, int, const char*, unsigned int)>("renameat2");
  const Fault kind = fault(call_rename, to);
  return kind == Fault::error ? -1 : after(kind, real(from_folder, from, to_folder, to, flags));
}

}  // extern "C"
