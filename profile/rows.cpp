#include "profile/rows.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "runtime/error.h"

namespace limner {

VectorFile::VectorFile(const std::filesystem::path& folder, int64_t columns) : columns_(columns) {
  std::string name = (folder / ".vectors.tmp-XXXXXX").string();
  descriptor_ = ::mkostemp(name.data(), O_CLOEXEC);
  if (descriptor_ < 0) {
    fail(ExitCode::io, "cannot make a scratch file in {}: {}", folder.string(), std::strerror(errno));
  }
  ::unlink(name.c_str());
}

VectorFile::~VectorFile() { ::close(descriptor_); }

void VectorFile::append(std::span<const float> rows) {
  require(columns_ > 0 && rows.size() % static_cast<size_t>(columns_) == 0,
          "{} numbers are no whole rows of {}", rows.size(), columns_);
  const char* bytes = reinterpret_cast<const char*>(rows.data());
  const int64_t begin = count_ * columns_ * static_cast<int64_t>(sizeof(float));
  for (size_t done = 0; done < rows.size_bytes();) {
    const ssize_t written =
        ::pwrite(descriptor_, bytes + done, rows.size_bytes() - done, begin + static_cast<int64_t>(done));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0)
      fail(ExitCode::io, "cannot write the scratch file of vectors: {}", std::strerror(errno));
    done += static_cast<size_t>(written);
  }
  count_ += static_cast<int64_t>(rows.size()) / columns_;
}

void VectorFile::append(const Matrix& rows) {
  const std::vector<float> values(rows.data(), rows.data() + rows.size());
  append(std::span<const float>(values));
}

std::vector<float> VectorFile::floats(int64_t first, int64_t rows) const {
  require(first >= 0 && rows >= 0 && first + rows <= count_, "rows {} to {} of {}", first, first + rows,
          count_);
  std::vector<float> values(static_cast<size_t>(rows * columns_));
  const size_t size = values.size() * sizeof(float);
  const int64_t begin = first * columns_ * static_cast<int64_t>(sizeof(float));
  for (size_t done = 0; done < size;) {
    const ssize_t got = ::pread(descriptor_, reinterpret_cast<char*>(values.data()) + done, size - done,
                                begin + static_cast<int64_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) fail(ExitCode::io, "cannot read the scratch file of vectors: {}", std::strerror(errno));
    done += static_cast<size_t>(got);
  }
  return values;
}

Matrix VectorFile::block(int64_t first, int64_t rows) const {
  const std::vector<float> values = floats(first, rows);
  Matrix result(rows, columns_);
  std::copy(values.begin(), values.end(), result.data());
  return result;
}

Matrix gather_rows(const Rows& rows, const std::vector<int64_t>& indices) {
  Matrix result(std::ssize(indices), rows.columns());
  for (int64_t row = 0; row < result.rows(); ++row)
    result.row(row) = rows.block(indices[static_cast<size_t>(row)], 1);
  return result;
}

Matrix all_rows(const Rows& rows) { return rows.block(0, rows.count()); }

}  // namespace limner
