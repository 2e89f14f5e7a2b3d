// A raw file's bytes, plain or gzip (told apart by content), streamed through a fixed buffer.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace limner {

class ByteSource {
 public:
  // Skips a byte-order mark. Errors: missing or unreadable file (missing_input), UTF-16 (bad_data).
  explicit ByteSource(const std::filesystem::path& path);
  ~ByteSource();
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;

  // The next byte as 0..255 or end_of_file. Errors: damaged or truncated gzip (bad_data), read error (io).
  static constexpr int end_of_file = -1;
  int next() {
    if (cursor_ == filled_ && !fill()) return end_of_file;
    const int byte = static_cast<unsigned char>(buffer_[cursor_++]);
    if (byte == '\n') ++line_;
    return byte;
  }
  int peek() {
    if (cursor_ == filled_ && !fill()) return end_of_file;
    return static_cast<unsigned char>(buffer_[cursor_]);
  }
  int64_t line() const { return line_; }  // 1-based line of the next byte
  int64_t bytes_read() const;             // of the file as it lies on disk
  int64_t file_bytes() const { return file_bytes_; }
  const std::string& name() const { return name_; }

 private:
  std::string name_;
  void* file_ = nullptr;  // gzFile
  std::vector<char> buffer_;
  size_t cursor_ = 0, filled_ = 0;
  int64_t line_ = 1;
  int64_t file_bytes_ = 0;
  bool fill();
};

}  // namespace limner
