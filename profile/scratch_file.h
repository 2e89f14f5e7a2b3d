// What does not fit into memory, on disk while it is worked on.
#pragma once

#include <cstdint>
#include <filesystem>

namespace limner {

// A file without a name in a folder, gone with the process: the system's page cache holds what memory has
// room for. Errors (io) say of what it is and in which folder: the disk is full, or fails.
class ScratchFile {
 public:
  ScratchFile(std::filesystem::path folder, const char* what);  // what: in messages, such as "vectors"
  ~ScratchFile();
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;
  void write(int64_t position, const void* bytes, size_t count);
  // All of the bytes were written before. Several threads may read at once.
  void read(int64_t position, void* bytes, size_t count) const;

 private:
  [[noreturn]] void fail_io(const char* action, int error) const;

  std::filesystem::path folder_;
  const char* what_;
  int descriptor_ = -1;
};

}  // namespace limner
