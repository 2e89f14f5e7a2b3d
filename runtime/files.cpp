#include "runtime/files.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <limits>
#include <map>
#include <utility>
#include <vector>

#include "runtime/error.h"
#include "runtime/json_parser.h"
#include "runtime/log.h"
#include "runtime/process.h"

namespace limner {
namespace {

constexpr size_t buffer_bytes = size_t{1} << 20;
constexpr const char* temporary_mark = ".tmp-";
constexpr const char* checksums_name = "checksums.json";

// The reason in words; a full disk also says what to do about it. No disk is to blame for a name that is too
// long.
[[noreturn]] void fail_io(const char* action, const fs::path& path, int error) {
  if (error == ENAMETOOLONG) {
    fail(ExitCode::missing_input, "{}: a name too long for this file system", path.string());
  }
  const bool full = error == ENOSPC || error == EDQUOT || error == EFBIG;
  fail(ExitCode::io, "cannot {} {}: {}{}", action, path.string(), std::strerror(error),
       full ? "; free space there or choose another run.directory" : "");
}

std::string temporary_suffix() { return fmt::format("{}{}-{}", temporary_mark, host_name(), getpid()); }

fs::path folder_of(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

// "a/b/" names the folder a/b.
fs::path without_trailing_slash(const fs::path& path) {
  return path.has_filename() ? path : path.parent_path();
}

// A descriptor that closes itself.
class Descriptor {
 public:
  Descriptor(const fs::path& path, int flags) : value_(::open(path.c_str(), flags | O_CLOEXEC)) {}
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  Descriptor(Descriptor&& other) noexcept : value_(std::exchange(other.value_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  int value() const { return value_; }

 private:
  int value_;
};

Descriptor open_for_reading(const fs::path& path) {
  Descriptor file(path, O_RDONLY);
  if (file.value() < 0) {
    if (errno == ENOENT || errno == ENOTDIR) {
      fail(ExitCode::missing_input, "{} does not exist", path.string());
    }
    fail_io("open", path, errno);
  }
  struct stat status {};
  if (fstat(file.value(), &status) != 0) fail_io("read", path, errno);
  if (S_ISDIR(status.st_mode)) {
    fail(ExitCode::missing_input, "{} is a folder; a file is wanted", path.string());
  }
  return file;
}

void sync_path(const fs::path& path) {
  const Descriptor file(path, O_RDONLY);
  if (file.value() < 0) fail_io("open", path, errno);
  // Some network file systems cannot flush a folder and say EINVAL: nothing more can be done there.
  if (fsync(file.value()) != 0 && errno != EINVAL) fail_io("flush", path, errno);
}

// Calls consume(bytes) for one piece after the other.
template <class Consume>
void read_pieces(const fs::path& path, Consume&& consume) {
  const Descriptor file = open_for_reading(path);
  struct stat status {};
  if (fstat(file.value(), &status) != 0) fail_io("read", path, errno);
  const size_t bytes = S_ISREG(status.st_mode) ? static_cast<size_t>(status.st_size) : buffer_bytes;
  std::vector<char> piece(std::clamp<size_t>(bytes, 4096, buffer_bytes));
  while (true) {
    const ssize_t got = ::read(file.value(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail_io("read", path, errno);
    if (got == 0) return;
    consume(std::string_view(piece.data(), static_cast<size_t>(got)));
  }
}

class Sha256 {
 public:
  Sha256() : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
    require(context_ != nullptr && EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1,
            "SHA-256 is not available");
  }
  void add(std::string_view bytes) {
    require(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1, "SHA-256 failed");
  }
  std::string hexadecimal() {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int length = 0;
    require(EVP_DigestFinal_ex(context_.get(), digest, &length) == 1, "SHA-256 failed");
    std::string text;
    for (unsigned int index = 0; index < length; ++index) text += fmt::format("{:02x}", digest[index]);
    return text;
  }

 private:
  std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context_;
};

// {name: {bytes, sha256}} of every file below the folder but checksums.json itself, by name.
Json checksums_of(const fs::path& folder) {
  std::map<std::string, fs::path> files;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) files[fs::relative(entry.path(), folder).string()] = entry.path();
  }
  files.erase(checksums_name);
  Json checksums = Json::object();
  for (const auto& [name, path] : files) {
    checksums[name] = {{"bytes", fs::file_size(path)}, {"sha256", sha256_file(path)}};
  }
  return checksums;
}

}  // namespace

void write_file(const fs::path& path, std::string_view bytes) {
  FileWriter writer(path);
  writer.write(bytes);
  writer.publish();
}

FileWriter::FileWriter(const fs::path& path) : path_(path), temporary_(path.string() + temporary_suffix()) {
  descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (descriptor_ < 0) fail_io("create", temporary_, errno);
}

FileWriter::~FileWriter() {
  if (descriptor_ >= 0) {
    ::close(descriptor_);
    ::unlink(temporary_.c_str());
  }
}

void FileWriter::write(std::string_view bytes) {
  require(descriptor_ >= 0, "{} is already published", path_.string());
  while (!bytes.empty()) {
    const size_t piece = std::min(bytes.size(), buffer_bytes - buffer_.size());
    buffer_.append(bytes.substr(0, piece));
    bytes.remove_prefix(piece);
    if (buffer_.size() == buffer_bytes) flush();
  }
}

void FileWriter::flush() {
  std::string_view rest = buffer_;
  while (!rest.empty()) {
    const ssize_t put = ::write(descriptor_, rest.data(), rest.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) fail_io("write", path_, errno);
    rest.remove_prefix(static_cast<size_t>(put));
  }
  buffer_.clear();
}

void FileWriter::publish() {
  require(descriptor_ >= 0, "{} is already published", path_.string());
  flush();
  if (fsync(descriptor_) != 0) fail_io("flush", path_, errno);
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail_io("publish", path_, errno);
  // From here on the temporary name is gone and the file is whole.
  const int closed = ::close(std::exchange(descriptor_, -1));
  if (closed != 0 && errno != EINTR) fail_io("close", path_, errno);
  sync_path(folder_of(path_));
}

FolderWriter::FolderWriter(const fs::path& path)
    : path_(without_trailing_slash(path)), temporary_(path_.string() + temporary_suffix()) {
  make_folder(folder_of(path_));
  std::error_code error;
  fs::remove_all(temporary_, error);  // left by a killed process that had this number
  if (::mkdir(temporary_.c_str(), 0700) != 0) fail_io("create", temporary_, errno);
}

FolderWriter::~FolderWriter() {
  if (published_) return;
  std::error_code error;
  fs::remove_all(temporary_, error);
}

void FolderWriter::publish() {
  require(!published_, "{} is already published", path_.string());
  write_json(temporary_ / checksums_name, checksums_of(temporary_));
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(temporary_)) {
    if (entry.is_regular_file() || entry.is_directory()) sync_path(entry.path());
  }
  sync_path(temporary_);

  bool exchanged = false;
  if (fs::exists(fs::symlink_status(path_))) {
    // The old folder and the new one change places, so that at no time neither is there.
    exchanged = renameat2(AT_FDCWD, temporary_.c_str(), AT_FDCWD, path_.c_str(), RENAME_EXCHANGE) == 0;
    if (!exchanged && errno != EINVAL && errno != ENOSYS) fail_io("publish", path_, errno);
  }
  fs::path aside = temporary_;
  if (!exchanged) {
    // A new folder, or a file system without exchange: there the old folder is moved aside first.
    aside += ".old";
    if (::rename(path_.c_str(), aside.c_str()) != 0 && errno != ENOENT) fail_io("replace", path_, errno);
    if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail_io("publish", path_, errno);
  }
  published_ = true;
  sync_path(folder_of(path_));
  std::error_code error;
  fs::remove_all(aside, error);
  if (error) log_warning("{} is no longer needed but cannot be removed: {}", aside.string(), error.message());
}

void check_folder(const fs::path& folder) {
  const fs::path path = folder / checksums_name;
  const std::string text = read_file(path);
  const Json listed = read_json(path);
  const Json found = checksums_of(folder);
  if (!listed.is_object() || listed.dump(2) + "\n" != text) {
    fail(ExitCode::bad_data, "{}: not as it was written", path.string());
  }
  for (const auto& [name, entry] : found.items()) {
    if (!listed.contains(name)) fail(ExitCode::bad_data, "{}: {} is not listed", path.string(), name);
    if (listed[name] != entry) {
      fail(ExitCode::bad_data, "{}: the bytes are not those that {} names", (folder / name).string(),
           path.string());
    }
  }
  for (const auto& [name, entry] : listed.items()) {
    if (!found.contains(name)) {
      fail(ExitCode::bad_data, "{}: {} is missing", folder.string(), name);
    }
  }
}

void remove_unfinished(const fs::path& folder) {
  if (!fs::is_directory(folder)) return;
  std::vector<fs::path> unfinished;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (entry.path().filename().string().find(temporary_mark) != std::string::npos) {
      unfinished.push_back(entry.path());
    }
  }
  for (const fs::path& path : unfinished) {
    log_info("{}: removing what an interrupted run left unfinished", path.string());
    fs::remove_all(path);
  }
}

void make_folder(const fs::path& path) {
  const fs::path folder = without_trailing_slash(path);
  if (folder.empty() || fs::is_directory(folder)) return;
  make_folder(folder.parent_path());
  // Several ranks may make the same folder at once.
  if (::mkdir(folder.c_str(), 0700) != 0 && (errno != EEXIST || !fs::is_directory(folder))) {
    fail_io("create folder", folder, errno);
  }
}

std::string read_file(const fs::path& path) {
  std::string bytes;
  read_pieces(path, [&](std::string_view piece) { bytes.append(piece); });
  return bytes;
}

Json read_json(const fs::path& path) { return parse_json<Json>(read_file(path), path.string()); }

int64_t json_integer(const Json& value) {
  const bool large =
      value.is_number_unsigned() && value.get<uint64_t>() > std::numeric_limits<int64_t>::max();
  if (!value.is_number_integer() || large) {
    throw Json::type_error::create(302, "an integer of 64 bits is wanted, not " + value.dump(), &value);
  }
  return value.get<int64_t>();
}

void write_json(const fs::path& path, const Json& json) {
  std::string text;
  try {
    text = json.dump(2);
  } catch (const Json::exception& error) {
    fail(ExitCode::internal, "{}: cannot be written as JSON: {}", path.string(), error.what());
  }
  write_file(path, text + "\n");
}

std::string sha256(std::string_view bytes) {
  Sha256 hash;
  hash.add(bytes);
  return hash.hexadecimal();
}

std::string sha256_file(const fs::path& path) {
  Sha256 hash;
  read_pieces(path, [&](std::string_view piece) { hash.add(piece); });
  return hash.hexadecimal();
}

MappedFile::MappedFile(const fs::path& path) {
  const Descriptor file = open_for_reading(path);
  struct stat status {};
  if (fstat(file.value(), &status) != 0) fail_io("read", path, errno);
  const auto size = static_cast<size_t>(status.st_size);
  if (size == 0) return;  // an empty map is an error of mmap
  void* memory = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.value(), 0);
  if (memory == MAP_FAILED) fail_io("map", path, errno);
  bytes_ = std::string_view(static_cast<const char*>(memory), size);
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) munmap(const_cast<char*>(bytes_.data()), bytes_.size());
}

}  // namespace limner
