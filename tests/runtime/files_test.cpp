#include "runtime/files.h"

#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "tests/runtime/temporary_folder.h"

namespace limner {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

int mode_of(const fs::path& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0 ? static_cast<int>(status.st_mode & 0777u) : -1;
}

// Files larger than this fail to grow while it lives.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &before_);
    signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_{};
  void (*handler_)(int);
};

TEST(Files, WritesAndReadsBack) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "data.bin";
  for (const size_t size : {size_t{0}, size_t{1}, (size_t{1} << 20) + 13}) {
    std::string bytes(size, 'x');
    if (size > 2) bytes[size - 2] = '\0';
    write_file(path, bytes);
    EXPECT_EQ(read_file(path), bytes);
  }
  EXPECT_THAT(folder.names(), ElementsAre("data.bin"));
}

TEST(Files, OnlyTheOwnerMayReadThem) {
  const TemporaryFolder folder;
  const mode_t before = umask(0);
  write_file(folder.path() / "file", "x");
  make_folder(folder.path() / "a" / "b");
  FolderWriter writer(folder.path() / "published");
  writer.publish();
  umask(before);
  EXPECT_EQ(mode_of(folder.path() / "file"), 0600);
  EXPECT_EQ(mode_of(folder.path() / "a"), 0700);
  EXPECT_EQ(mode_of(folder.path() / "a" / "b"), 0700);
  EXPECT_EQ(mode_of(folder.path() / "published"), 0700);
}

TEST(Files, MissingFilesAndFolders) {
  const TemporaryFolder folder;
  const fs::path missing = folder.path() / "missing";
  expect_error(ExitCode::missing_input, {"missing", "does not exist"}, [&] { read_file(missing); });
  expect_error(ExitCode::missing_input, {"does not exist"}, [&] { MappedFile{missing}; });
  expect_error(ExitCode::missing_input, {"does not exist"}, [&] { sha256_file(missing); });
  expect_error(ExitCode::missing_input, {"is a folder"}, [&] { read_file(folder.path()); });
  expect_error(ExitCode::io, {"missing", "No such file"}, [&] { write_file(missing / "file", "x"); });
  write_file(folder.path() / "file", "x");
  expect_error(ExitCode::io, {"create folder"}, [&] { make_folder(folder.path() / "file" / "inner"); });
}

TEST(Files, UnpublishedFileLeavesNothing) {
  const TemporaryFolder folder;
  write_file(folder.path() / "file", "old");
  {
    FileWriter writer(folder.path() / "file");
    writer.write(std::string(3 << 20, 'x'));
    EXPECT_TRUE(fs::exists(writer.temporary_path()));
  }
  EXPECT_EQ(read_file(folder.path() / "file"), "old");
  EXPECT_THAT(folder.names(), ElementsAre("file"));
}

TEST(Files, WriterPublishesOnce) {
  const TemporaryFolder folder;
  FileWriter writer(folder.path() / "file");
  writer.write("a");
  writer.write("bc");
  writer.publish();
  EXPECT_EQ(read_file(folder.path() / "file"), "abc");
  expect_error(ExitCode::internal, {"already published"}, [&] { writer.write("d"); });
  expect_error(ExitCode::internal, {"already published"}, [&] { writer.publish(); });
}

TEST(Files, FileTooLargeIsAnErrorAndKeepsTheOldOne) {
  const TemporaryFolder folder;
  write_file(folder.path() / "file", "old");
  {
    const FileSizeLimit limit(1 << 20);
    expect_error(ExitCode::io, {"file", "File too large", "free space"},
                 [&] { write_file(folder.path() / "file", std::string(5 << 20, 'x')); });
  }
  EXPECT_EQ(read_file(folder.path() / "file"), "old");
  EXPECT_THAT(folder.names(), ElementsAre("file"));
}

TEST(Files, FullDiskIsAnErrorAndKeepsTheOldOne) {
  const TemporaryFolder folder;
  const fs::path disk = folder.path() / "disk";
  make_folder(disk);
  if (mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=64k") != 0) {
    GTEST_SKIP() << "no right to mount a small disk";
  }
  write_file(disk / "file", "old");
  expect_error(ExitCode::io, {"file", "No space left on device", "free space"},
               [&] { write_file(disk / "file", std::string(1 << 20, 'x')); });
  EXPECT_EQ(read_file(disk / "file"), "old");
  EXPECT_EQ(std::distance(fs::directory_iterator(disk), fs::directory_iterator()), 1);
  umount(disk.c_str());
}

TEST(Files, FolderIsPublishedWhole) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "best";
  for (const std::string name : {"first", "second"}) {
    FolderWriter writer(path);
    write_file(writer.path() / name, name);
    make_folder(writer.path() / "inner");
    write_file(writer.path() / "inner" / "file", name);
    EXPECT_EQ(fs::exists(path), name == "second");
    writer.publish();
    EXPECT_EQ(read_file(path / "inner" / "file"), name);
  }
  EXPECT_FALSE(fs::exists(path / "first"));
  EXPECT_THAT(folder.names(), ElementsAre("best"));
}

TEST(Files, CheckedFolderHasEveryBitAsPublished) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "best";
  {
    FolderWriter writer(path);
    write_file(writer.path() / "weights", std::string(300, 'w'));
    make_folder(writer.path() / "inner");
    write_file(writer.path() / "inner" / "state.json", "{}");
    writer.publish();
  }
  check_folder(path);
  for (const char* name : {"weights", "inner/state.json", "checksums.json"}) {
    const std::string bytes = read_file(path / name);
    for (size_t bit = 0; bit < bytes.size() * 8; bit += 7) {
      std::string flipped = bytes;
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
      write_file(path / name, flipped);
      expect_error(ExitCode::bad_data, {"best"}, [&] { check_folder(path); });
    }
    write_file(path / name, bytes);
  }
  check_folder(path);
  write_file(path / "stranger", "x");
  expect_error(ExitCode::bad_data, {"stranger", "not listed"}, [&] { check_folder(path); });
  fs::remove(path / "stranger");
  fs::remove(path / "weights");
  expect_error(ExitCode::bad_data, {"weights", "missing"}, [&] { check_folder(path); });
  fs::remove(path / "checksums.json");
  expect_error(ExitCode::missing_input, {"checksums.json"}, [&] { check_folder(path); });
}

TEST(Files, UnfinishedFilesOfKilledProcessesAreRemoved) {
  const TemporaryFolder folder;
  write_file(folder.path() / "file", "x");
  write_file(folder.path() / "file.tmp-host-17", "half");
  make_folder(folder.path() / "best.tmp-host-17" / "inner");
  remove_unfinished(folder.path());
  EXPECT_THAT(folder.names(), ElementsAre("file"));
  remove_unfinished(folder.path() / "missing");
}

TEST(Files, UnpublishedFolderLeavesNothing) {
  const TemporaryFolder folder;
  {
    const FolderWriter writer(folder.path() / "best/");
    write_file(writer.path() / "file", "x");
  }
  EXPECT_THAT(folder.names(), IsEmpty());
}

TEST(Files, JsonIsStrict) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "x.json";
  write_json(path, Json{{"b", 1}, {"a", {1.5, nullptr, "ü"}}});
  EXPECT_EQ(read_file(path), "{\n  \"b\": 1,\n  \"a\": [\n    1.5,\n    null,\n    \"ü\"\n  ]\n}\n");
  EXPECT_EQ(read_json(path)["a"][2], "ü");

  const auto refuse = [&](const std::string& text, const std::vector<std::string>& parts) {
    write_file(path, text);
    expect_error(ExitCode::bad_data, parts, [&] { read_json(path); });
  };
  refuse("{\"a\": {\"b\": 1, \"b\": 2}}", {"x.json", "\"b\"", "twice"});
  refuse("{\"a\": 1}\n{", {"x.json:2:1"});
  refuse("{\n  \"a\": nan\n}", {"x.json:2:"});
  refuse("", {"x.json:1:1"});
  refuse("\"\xff\"", {"x.json"});
  refuse("[6.5e562]", {"x.json", "6.5e562"});  // beyond a double
  write_file(path, "{\"a\": {\"b\": 1}, \"c\": {\"b\": 2}}");
  EXPECT_EQ(read_json(path)["c"]["b"], 2);
  expect_error(ExitCode::internal, {"x.json"}, [&] { write_json(path, Json("\xff")); });
}

TEST(Files, JsonIntegersAreWhole) {
  for (const int64_t value :
       {int64_t{0}, int64_t{-7}, std::numeric_limits<int64_t>::max(), std::numeric_limits<int64_t>::min()}) {
    EXPECT_EQ(json_integer(Json::parse(std::to_string(value))), value);
  }
  for (const char* other : {"2.5", "2.0", "1e90", "-1e90", "9223372036854775808", "18446744073709551615",
                            "true", "\"1\"", "null", "[1]"}) {
    EXPECT_THROW(json_integer(Json::parse(other)), Json::type_error) << other;
  }
}

TEST(Files, Sha256KnownAnswer) {
  const std::string abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  EXPECT_EQ(sha256("abc"), abc);
  const TemporaryFolder folder;
  write_file(folder.path() / "file", "abc");
  EXPECT_EQ(sha256_file(folder.path() / "file"), abc);
  const std::string large(3 << 20, 'y');
  write_file(folder.path() / "file", large);
  EXPECT_EQ(sha256_file(folder.path() / "file"), sha256(large));
}

TEST(Files, MapShowsTheBytes) {
  const TemporaryFolder folder;
  write_file(folder.path() / "file", "some bytes");
  EXPECT_EQ(MappedFile(folder.path() / "file").bytes(), "some bytes");
  write_file(folder.path() / "empty", "");
  EXPECT_EQ(MappedFile(folder.path() / "empty").bytes(), "");
}

}  // namespace
}  // namespace limner
