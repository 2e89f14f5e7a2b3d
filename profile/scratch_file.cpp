#include "profile/scratch_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "runtime/error.h"

namespace limner {

ScratchFile::ScratchFile(std::filesystem::path folder, const char* what)
    : folder_(std::move(folder)), what_(what) {
  std::string name = (folder_ / ".scratch.tmp-XXXXXX").string();
  descriptor_ = ::mkostemp(name.data(), O_CLOEXEC);
  if (descriptor_ < 0) fail_io("make", errno);
  ::unlink(name.c_str());
}

ScratchFile::~ScratchFile() { ::close(descriptor_); }

void ScratchFile::write(int64_t position, const void* bytes, size_t count) {
  for (size_t done = 0; done < count;) {
    const ssize_t written = ::pwrite(descriptor_, static_cast<const char*>(bytes) + done, count - done,
                                     position + static_cast<int64_t>(done));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) fail_io("write", errno);
    done += static_cast<size_t>(written);
  }
}

void ScratchFile::read(int64_t position, void* bytes, size_t count) const {
  for (size_t done = 0; done < count;) {
    const ssize_t got = ::pread(descriptor_, static_cast<char*>(bytes) + done, count - done,
                                position + static_cast<int64_t>(done));
    if (got < 0 && errno == EINTR) continue;
    require(got != 0, "the scratch file of {} ends before byte {}", what_,
            position + static_cast<int64_t>(count));
    if (got < 0) fail_io("read", errno);
    done += static_cast<size_t>(got);
  }
}

void ScratchFile::fail_io(const char* action, int error) const {
  fail(ExitCode::io, "cannot {} the scratch file of {} in {}: {}", action, what_, folder_.string(),
       std::strerror(error));
}

}  // namespace limner
