#include "runtime/hdf5.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <thread>

#include "runtime/files.h"
#include "tests/runtime/temporary_folder.h"

namespace limner::hdf5 {
namespace {

using testing::ElementsAre;

template <class T>
std::vector<T> counted(size_t count) {
  std::vector<T> values(count);
  for (size_t index = 0; index < count; ++index) values[index] = static_cast<T>(index * 3 % 101);
  return values;
}

template <class T>
void round_trip(const fs::path& path, Type type, int64_t rows, int64_t columns, bool compress) {
  const std::vector<T> values = counted<T>(static_cast<size_t>(rows * columns));
  Writer writer;
  const std::vector<int64_t> dims =
      columns == 1 ? std::vector<int64_t>{rows} : std::vector<int64_t>{rows, columns};
  writer.dataset("/data", type, dims, values.data(), compress);
  write_file(path, writer.image());

  const Reader reader(path);
  EXPECT_EQ(reader.dims("/data"), dims);
  EXPECT_EQ(reader.type("/data"), type);
  std::vector<T> back(values.size());
  reader.read("/data", type, 0, rows, back.data());
  EXPECT_EQ(back, values);
  if (rows < 3) return;
  std::vector<T> middle(static_cast<size_t>((rows - 2) * columns));
  reader.read("/data", type, 1, rows - 2, middle.data());
  EXPECT_TRUE(std::equal(middle.begin(), middle.end(), values.begin() + columns));
}

TEST(Hdf5, EveryTypeComesBack) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "x.h5";
  for (const bool compress : {false, true}) {
    for (const auto& [rows, columns] :
         {std::pair<int64_t, int64_t>{0, 3}, {1, 1}, {7, 1}, {1009, 3}, {3, 0}}) {
      round_trip<int8_t>(path, Type::i8, rows, columns, compress);
      round_trip<uint8_t>(path, Type::u8, rows, columns, compress);
      round_trip<int32_t>(path, Type::i32, rows, columns, compress);
      round_trip<int64_t>(path, Type::i64, rows, columns, compress);
      round_trip<uint16_t>(path, Type::f16, rows, columns, compress);
      round_trip<float>(path, Type::f32, rows, columns, compress);
      round_trip<double>(path, Type::f64, rows, columns, compress);
    }
  }
  round_trip<float>(path, Type::f32, 3001, 257, false);  // several chunks, the last not full
}

TEST(Hdf5, Float16HoldsItsValues) {
  const TemporaryFolder folder;
  const std::vector<float> values = {0.0f, -0.5f, 0.333251953125f, 65504.0f, 0x1p-24f};
  std::vector<uint16_t> halves(values.size());
  to_float16(halves.data(), values.data(), 5);
  Writer writer;
  writer.dataset("/half", Type::f16, {5}, halves.data());
  // A virtual dataset's conversion of its NaN fill value shows that the library knows the type.
  writer.virtual_dataset("/missing", Type::f16, {2}, {{"nowhere.h5", 2}});
  write_file(folder.path() / "x.h5", writer.image());

  const Reader reader(folder.path() / "x.h5");
  std::vector<uint16_t> back(5);
  reader.read("/half", Type::f16, 0, 5, back.data());
  std::vector<float> floats(5);
  from_float16(floats.data(), back.data(), 5);
  EXPECT_EQ(floats, values);
  std::vector<uint16_t> missing(2);
  reader.read("/missing", Type::f16, 0, 2, missing.data());
  from_float16(floats.data(), missing.data(), 2);
  EXPECT_TRUE(std::isnan(floats[0]) && std::isnan(floats[1]));
}

TEST(Hdf5, StringsGroupsAndAttributes) {
  const TemporaryFolder folder;
  const std::vector<std::string> texts = {"", "Grüße", "很好", std::string(100000, 'z'), "last"};
  Writer writer;
  writer.group("/column");
  writer.strings("/column/text", texts);
  writer.strings("/none", {});
  writer.attribute("/", "model", std::string("模型"));
  writer.attribute("/", "version", int64_t{-3});
  writer.attribute("/column/text", "share", 0.25);
  writer.attribute("/column/text", "classes", std::vector<std::string>{"a", "b ", "ç"});
  writer.attribute("/column", "no_classes", std::vector<std::string>{});
  write_file(folder.path() / "x.h5", writer.image());

  const Reader reader(folder.path() / "x.h5");
  EXPECT_EQ(reader.strings("/column/text", 0, 5), texts);
  EXPECT_THAT(reader.strings("/column/text", 1, 2), ElementsAre("Grüße", "很好"));
  EXPECT_TRUE(reader.strings("/none", 0, 0).empty());
  EXPECT_THAT(reader.names("/"), ElementsAre("column", "none"));
  EXPECT_THAT(reader.names("/column"), ElementsAre("text"));
  EXPECT_TRUE(reader.has("/column/text"));
  EXPECT_TRUE(reader.has("/"));
  EXPECT_FALSE(reader.has("/other/text"));
  EXPECT_FALSE(reader.has("/column/other"));
  EXPECT_EQ(reader.attribute("/", "model"), "模型");
  EXPECT_EQ(reader.attribute_int("/", "version"), -3);
  EXPECT_EQ(reader.attribute_double("/column/text", "share"), 0.25);
  EXPECT_THAT(reader.attribute_strings("/column/text", "classes"), ElementsAre("a", "b ", "ç"));
  EXPECT_TRUE(reader.attribute_strings("/column", "no_classes").empty());
  EXPECT_TRUE(reader.has_attribute("/", "model"));
  EXPECT_FALSE(reader.has_attribute("/", "other"));
}

void write_shard(const fs::path& path, float first, int64_t rows, const std::string& word) {
  std::vector<float> values;
  std::vector<int32_t> tokens;
  for (int64_t row = 0; row < rows; ++row) {
    values.insert(values.end(), {first + static_cast<float>(row), -first});
    tokens.push_back(static_cast<int32_t>(row));
  }
  Writer writer;
  writer.dataset("/embedding", Type::f32, {rows, 2}, values.data());
  writer.dataset("/tokens", Type::i32, {rows}, tokens.data());
  writer.strings("/customer", std::vector<std::string>(static_cast<size_t>(rows), word));
  write_file(path, writer.image());
}

TEST(Hdf5, VirtualDatasetOverShards) {
  const TemporaryFolder folder;
  make_folder(folder.path() / "run" / "shards");
  write_shard(folder.path() / "run" / "shards" / "a.h5", 10, 3, "ann");
  write_shard(folder.path() / "run" / "shards" / "b.h5", 20, 2, "bob");
  Writer writer;
  const std::vector<Writer::Source> sources = {{"shards/a.h5", 3}, {"shards/b.h5", 2}};
  writer.virtual_dataset("/embedding", Type::f32, {5, 2}, sources);
  writer.virtual_dataset("/tokens", Type::i32, {5}, sources);
  writer.virtual_dataset("/customer", Type::u8, {5}, sources, true);
  const std::vector<int64_t> rows = {0, 1, 2, 3, 4};
  writer.dataset("/row", Type::i64, {5}, rows.data());
  writer.dimension_scale("/embedding", "/row", 0, "row");
  writer.dimension_scale("/tokens", "/row", 0, "row");
  write_file(folder.path() / "run" / "embeddings.h5", writer.image());
  fs::rename(folder.path() / "run", folder.path() / "moved");  // relative paths survive

  const fs::path path = folder.path() / "moved" / "embeddings.h5";
  {
    const Reader reader(path);
    std::vector<float> values(10);
    reader.read("/embedding", Type::f32, 0, 5, values.data());
    EXPECT_THAT(values, ElementsAre(10, -10, 11, -10, 12, -10, 20, -20, 21, -20));
    std::vector<float> across(4);
    reader.read("/embedding", Type::f32, 2, 2, across.data());
    EXPECT_THAT(across, ElementsAre(12, -10, 20, -20));
    EXPECT_THAT(reader.strings("/customer", 2, 2), ElementsAre("ann", "bob"));
    EXPECT_TRUE(reader.has_attribute("/embedding", "DIMENSION_LIST"));
  }
}

TEST(Hdf5, MissingShardReadsAsNoValue) {
  const TemporaryFolder folder;
  write_shard(folder.path() / "a.h5", 10, 1, "ann");
  Writer writer;
  const std::vector<Writer::Source> sources = {{"a.h5", 1}, {"empty.h5", 0}, {"gone.h5", 2}};
  writer.virtual_dataset("/embedding", Type::f32, {3, 2}, sources);
  writer.virtual_dataset("/tokens", Type::i32, {3}, sources);
  writer.virtual_dataset("/customer", Type::u8, {3}, sources, true);
  write_file(folder.path() / "all.h5", writer.image());

  const Reader reader(folder.path() / "all.h5");
  std::vector<float> values(6);
  reader.read("/embedding", Type::f32, 0, 3, values.data());
  EXPECT_EQ(values[0], 10);
  EXPECT_TRUE(std::isnan(values[2]) && std::isnan(values[5]));
  std::vector<int32_t> tokens(3);
  reader.read("/tokens", Type::i32, 0, 3, tokens.data());
  EXPECT_THAT(tokens, ElementsAre(0, -1, -1));
  EXPECT_THAT(reader.strings("/customer", 0, 3), ElementsAre("ann", "", ""));
  expect_error(ExitCode::internal, {"4 rows", "3"}, [&] {
    Writer().virtual_dataset("/embedding", Type::f32, {4, 2}, sources);
  });
}

TEST(Hdf5, SameContentsSameBytes) {
  const auto image = [] {
    const std::vector<float> values = counted<float>(99);
    Writer writer;
    writer.group("/g");
    writer.dataset("/g/x", Type::f32, {33, 3}, values.data());
    writer.strings("/s", {"a", "b"});
    writer.attribute("/", "a", std::string("b"));
    return writer.image();
  };
  const std::string first = image();
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));  // a time stamp would have one second more
  EXPECT_EQ(first, image());
}

TEST(Hdf5, WritersLiveSideBySide) {
  Writer first, second;
  const float value = 1;
  first.dataset("/first", Type::f32, {1}, &value);
  second.dataset("/second", Type::f32, {1}, &value);
  EXPECT_NE(first.image(), second.image());
}

// A file on disk, its rows given a chunk at a time, holds what the image of the same rows does.
TEST(Hdf5, RowsOfAFileComeInPieces) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "x.h5";
  const std::vector<float> values = counted<float>(3001 * 257);
  int64_t pieces = 0, next = 0;
  Writer writer(path);
  writer.dataset_by_rows("/data", Type::f32, {3001, 257}, [&](int64_t first, int64_t count) {
    EXPECT_EQ(first, next);
    next = first + count;
    ++pieces;
    return values.data() + first * 257;
  });
  writer.dataset_by_rows("/none", Type::f32, {0, 3}, [&](int64_t, int64_t) -> const void* {
    ADD_FAILURE() << "asked for rows of nothing";
    return nullptr;
  });
  writer.attribute("/data", "name", std::string("x"));
  writer.close();
  EXPECT_EQ(next, 3001);
  EXPECT_GT(pieces, 1);
  const Reader reader(path);
  std::vector<float> back(values.size());
  reader.read("/data", Type::f32, 0, 3001, back.data());
  EXPECT_EQ(back, values);
  EXPECT_EQ(reader.dims("/none"), (std::vector<int64_t>{0, 3}));
  EXPECT_EQ(reader.attribute("/data", "name"), "x");
  expect_error(ExitCode::io, {"x.h5", "create"}, [&] { Writer again(path); });
}

TEST(Hdf5, MisuseIsAnInternalError) {
  const float value = 1;
  Writer writer;
  writer.dataset("/x", Type::f32, {1}, &value);
  expect_error(ExitCode::internal, {"/x"}, [&] { writer.dataset("/x", Type::f32, {1}, &value); });
  expect_error(ExitCode::internal, {"zero byte"}, [&] { writer.strings("/s", {std::string("a\0b", 3)}); });
  expect_error(ExitCode::internal, {"3 dimensions"}, [&] {
    writer.dataset("/y", Type::f32, {1, 1, 1}, &value);
  });
  writer.image();
  expect_error(ExitCode::internal, {"closed"}, [&] { writer.group("/g"); });
}

class DamagedHdf5 : public testing::Test {
 protected:
  DamagedHdf5() : path_(folder_.path() / "x.h5") {
    const std::vector<float> values(5000, 1.25f);
    Writer writer;
    writer.dataset("/data", Type::f32, {5000}, values.data());
    writer.strings("/text", {"a"});
    writer.attribute("/", "name", std::string("x"));
    writer.attribute("/", "number", int64_t{1});
    image_ = writer.image();
    write_file(path_, image_);
  }
  TemporaryFolder folder_;
  fs::path path_;
  std::string image_;
};

TEST_F(DamagedHdf5, WrongTypesAndNames) {
  const Reader reader(path_);
  std::vector<double> values(5000);
  expect_error(ExitCode::bad_data, {"x.h5", "/data", "float32", "float64"},
               [&] { reader.read("/data", Type::f64, 0, 5000, values.data()); });
  expect_error(ExitCode::bad_data, {"x.h5", "/other"}, [&] { reader.dims("/other"); });
  expect_error(ExitCode::bad_data, {"/text"}, [&] { reader.type("/text"); });
  expect_error(ExitCode::bad_data, {"/data", "strings"}, [&] { reader.strings("/data", 0, 1); });
  expect_error(ExitCode::bad_data, {"/@missing"}, [&] { reader.attribute("/", "missing"); });
  expect_error(ExitCode::bad_data, {"/@number", "strings"}, [&] { reader.attribute("/", "number"); });
  expect_error(ExitCode::bad_data, {"/@name", "whole number"}, [&] { reader.attribute_int("/", "name"); });
  expect_error(ExitCode::bad_data, {"/@number"}, [&] { reader.attribute_double("/", "number"); });
  expect_error(ExitCode::internal, {"rows 4999 to 5001", "5000"},
               [&] { reader.read("/data", Type::f32, 4999, 2, values.data()); });
}

TEST_F(DamagedHdf5, ChangedByteFailsTheChecksum) {
  const std::string value("\0\0\xa0\x3f\0\0\xa0\x3f", 8);  // 1.25 twice
  image_[image_.find(value) + 4000] ^= 1;
  write_file(path_, image_);
  const Reader reader(path_);
  std::vector<float> values(5000);
  expect_error(ExitCode::bad_data, {"x.h5", "/data", "checksum"},
               [&] { reader.read("/data", Type::f32, 0, 5000, values.data()); });
}

TEST_F(DamagedHdf5, TornForeignAndMissingFiles) {
  write_file(path_, std::string_view(image_).substr(0, image_.size() / 2));
  expect_error(ExitCode::bad_data, {"x.h5", "not a whole HDF5 file"}, [&] { Reader{path_}; });
  write_file(path_, "");
  expect_error(ExitCode::bad_data, {"x.h5"}, [&] { Reader{path_}; });
  write_file(path_, std::string(10000, 'a'));
  expect_error(ExitCode::bad_data, {"x.h5"}, [&] { Reader{path_}; });
  expect_error(ExitCode::missing_input, {"y.h5"}, [&] { Reader{folder_.path() / "y.h5"}; });
  expect_error(ExitCode::missing_input, {"folder"}, [&] { Reader{folder_.path()}; });
}

TEST_F(DamagedHdf5, ErrorsPrintNothing) {
  testing::internal::CaptureStderr();
  const Reader reader(path_);
  expect_error(ExitCode::bad_data, {}, [&] { reader.dims("/other"); });
  std::thread([&] { expect_error(ExitCode::bad_data, {}, [&] { reader.dims("/other"); }); }).join();
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST_F(DamagedHdf5, LockedFileOpens) {
  const int descriptor = open(path_.c_str(), O_RDWR);
  ASSERT_EQ(flock(descriptor, LOCK_EX), 0);
  EXPECT_EQ(Reader(path_).dims("/data"), std::vector<int64_t>{5000});
  close(descriptor);
}

}  // namespace
}  // namespace limner::hdf5
