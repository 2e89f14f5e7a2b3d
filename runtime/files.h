// Files that appear under their final name only when whole: temporary name in the same folder, write, fsync,
// rename, fsync of the folder. Leftovers of a killed process end in `.tmp-<host>-<pid>` and are never read.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace limner {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

// Publishes `bytes` as `path`, readable by its owner only: it may hold customers' data. Errors: ExitCode::io
// with path and errno's text; the temporary file is removed.
void write_file(const fs::path& path, std::string_view bytes);

// The same for a file written piece by piece. Without publish() the destructor removes the temporary file.
class FileWriter {
 public:
  explicit FileWriter(const fs::path& path);
  ~FileWriter();
  FileWriter(const FileWriter&) = delete;
  FileWriter& operator=(const FileWriter&) = delete;
  void write(std::string_view bytes);
  void publish();                                                // flush, fsync, rename, fsync of the folder
  const fs::path& temporary_path() const { return temporary_; }  // for a library that insists on a file name

 private:
  fs::path path_, temporary_;
  int descriptor_ = -1;
  std::string buffer_;
  void flush();
};

// A folder written under a temporary sibling name and renamed whole, with checksums.json: bytes and SHA-256
// of each of its files. An existing folder of that name is replaced: moved aside, then removed.
class FolderWriter {
 public:
  explicit FolderWriter(const fs::path& path);
  ~FolderWriter();
  FolderWriter(const FolderWriter&) = delete;
  FolderWriter& operator=(const FolderWriter&) = delete;
  const fs::path& path() const { return temporary_; }  // write files here (write_file and friends)
  void publish();

 private:
  fs::path path_, temporary_;
  bool published_ = false;
};

// Compares a folder with its checksums.json, to the last bit of both. Errors: ExitCode::bad_data naming the
// file that is missing, changed or not listed; missing_input without checksums.json.
void check_folder(const fs::path& folder);
// What killed processes had begun to write in this folder, one log line each.
void remove_unfinished(const fs::path& folder);

void make_folder(const fs::path& path);       // with parents, mode 0700
std::string read_file(const fs::path& path);  // missing: ExitCode::missing_input
Json read_json(const fs::path& path);         // strict: duplicate keys, trailing bytes are ExitCode::bad_data
// An integer of 64 bits. Json::get also takes 2.5, 1e90 and 2^64 - 1 for one; here they are Json::type_error.
int64_t json_integer(const Json& value);
void write_json(const fs::path& path, const Json& json);  // indented by 2, newline at the end

// SHA-256 as 64 hexadecimal digits.
std::string sha256(std::string_view bytes);
std::string sha256_file(const fs::path& path);

// A read-only memory map.
class MappedFile {
 public:
  explicit MappedFile(const fs::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  std::string_view bytes() const { return bytes_; }

 private:
  std::string_view bytes_;
};

}  // namespace limner
