#include "profile/bag_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "profile/blocks.h"

namespace limner {

BagFile::BagFile(const std::filesystem::path& folder) {
  std::string name = (folder / ".bags.tmp-XXXXXX").string();
  descriptor_ = ::mkostemp(name.data(), O_CLOEXEC);
  if (descriptor_ < 0) {
    fail(ExitCode::io, "cannot make a scratch file in {}: {}", folder.string(), std::strerror(errno));
  }
  ::unlink(name.c_str());
}

BagFile::~BagFile() { ::close(descriptor_); }

void BagFile::append(const SparseRows& bags) {
  ByteWriter writer;
  writer.values(bags.offsets);
  writer.values(bags.terms);
  writer.values(bags.values);
  const std::string bytes = writer.take();
  for (size_t done = 0; done < bytes.size();) {
    const ssize_t written = ::pwrite(descriptor_, bytes.data() + done, bytes.size() - done,
                                     starts_.back() + static_cast<int64_t>(done));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) fail(ExitCode::io, "cannot write the scratch file of words: {}", std::strerror(errno));
    done += static_cast<size_t>(written);
  }
  starts_.push_back(starts_.back() + static_cast<int64_t>(bytes.size()));
}

SparseRows BagFile::read(int64_t block) const {
  const int64_t begin = starts_[static_cast<size_t>(block)];
  std::string bytes(static_cast<size_t>(starts_[static_cast<size_t>(block) + 1] - begin), '\0');
  for (size_t done = 0; done < bytes.size();) {
    const ssize_t got =
        ::pread(descriptor_, bytes.data() + done, bytes.size() - done, begin + static_cast<int64_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) fail(ExitCode::io, "cannot read the scratch file of words: {}", std::strerror(errno));
    done += static_cast<size_t>(got);
  }
  ByteReader reader(bytes);
  SparseRows bags;
  bags.offsets = reader.values<int64_t>();
  bags.terms = reader.values<int32_t>();
  bags.values = reader.values<double>();
  return bags;
}

}  // namespace limner
