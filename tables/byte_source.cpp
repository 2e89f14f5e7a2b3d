#include "tables/byte_source.h"

#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "runtime/error.h"

namespace limner {

namespace {

constexpr int64_t least_buffer_bytes = 4096, most_buffer_bytes = 256 * 1024;
gzFile as_gzip(void* file) { return static_cast<gzFile>(file); }

}  // namespace

ByteSource::ByteSource(const std::filesystem::path& path) : name_(path.string()) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) {
    fail(ExitCode::missing_input, "{}: no such file; correct prepare.sources.*.path", name_);
  }
  if (std::filesystem::is_directory(status)) {
    fail(ExitCode::missing_input, "{}: is a folder, a table is wanted", name_);
  }
  file_bytes_ = static_cast<int64_t>(std::filesystem::file_size(path, error));
  // A pipe has no size.
  buffer_.resize(static_cast<size_t>(error ? most_buffer_bytes
                                           : std::clamp(file_bytes_, least_buffer_bytes, most_buffer_bytes)));
  file_ = gzopen(name_.c_str(), "rb");
  if (file_ == nullptr) {
    fail(ExitCode::missing_input, "{}: cannot be opened: {}", name_, std::strerror(errno));
  }
  gzbuffer(as_gzip(file_), static_cast<unsigned>(buffer_.size()));

  try {
    fill();
    const std::string_view start(buffer_.data(), filled_);
    if (start.starts_with("\xff\xfe") || start.starts_with("\xfe\xff")) {
      fail(ExitCode::bad_data, "{}: is UTF-16; save it as UTF-8", name_);
    }
    if (start.starts_with("\xef\xbb\xbf")) cursor_ = 3;
  } catch (...) {
    gzclose(as_gzip(file_));
    throw;
  }
}

ByteSource::~ByteSource() { gzclose(as_gzip(file_)); }

bool ByteSource::fill() {
  const int read = gzread(as_gzip(file_), buffer_.data(), static_cast<unsigned>(buffer_.size()));
  cursor_ = 0;
  filled_ = read > 0 ? static_cast<size_t>(read) : 0;
  int code = Z_OK;
  const char* message = gzerror(as_gzip(file_), &code);
  if (code == Z_ERRNO) fail(ExitCode::io, "{}: reading failed: {}", name_, std::strerror(errno));
  // A truncated gzip file is reported as Z_BUF_ERROR together with the last bytes it still gives.
  if (code != Z_OK && code != Z_STREAM_END) {
    fail(ExitCode::bad_data, "{}: the gzip stream is damaged or truncated after line {} ({})", name_, line_,
         code == Z_BUF_ERROR ? "unexpected end" : message);
  }
  return filled_ > 0;
}

int64_t ByteSource::bytes_read() const { return static_cast<int64_t>(gzoffset(as_gzip(file_))); }

}  // namespace limner
