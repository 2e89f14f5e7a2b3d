#include "extract/shards.h"

#include <cmath>
#include <cstdlib>

#include "runtime/hdf5.h"
#include "tests/train/synthetic_run.h"

namespace limner::testing {
namespace {

constexpr int64_t rows = 23, width = 5;

ShardProvenance provenance(const std::string& dtype = "float32") {
  ShardProvenance from;
  from.rows = rows;
  from.width = width;
  from.rows_per_shard = 10;
  from.dtype = dtype;
  from.pooling = "mean";
  from.normalize = true;
  from.model_sha256 = std::string(64, 'a');
  from.tokenizer_sha256 = std::string(64, 'b');
  from.settings_sha256 = std::string(64, 'c');
  from.prepared_sha256 = std::string(64, 'd');
  from.heads = {{"sentiment", "single_label", {"bad", "gut ✓"}}, {"stars", "regression", {"stars"}}};
  return from;
}

float value_at(int64_t row, int64_t column) {
  return static_cast<float>(row) + 0.125f * static_cast<float>(column);
}

ShardData shard(int64_t first, int64_t count) {
  ShardData data;
  data.first = first;
  data.predictions.resize(2);
  for (int64_t row = first; row < first + count; ++row) {
    for (int64_t column = 0; column < width; ++column) data.embedding.push_back(value_at(row, column));
    data.tokens.push_back(static_cast<int32_t>(3 + row));
    data.customers.push_back("客户-" + std::to_string(row % 4));
    data.predictions[0].insert(data.predictions[0].end(), {0.25f, 0.75f});
    data.predictions[1].push_back(static_cast<float>(row) / 2.0f);
  }
  return data;
}

void write_all(const fs::path& folder, const ShardProvenance& from) {
  for (int64_t first = 0; first < rows; first += 10) {
    write_shard(folder, from, shard(first, std::min<int64_t>(10, rows - first)));
  }
  publish_embeddings(folder, from);
}

TEST(Shards, NamesSortByRow) {
  EXPECT_EQ(shard_name(0, 65536), "rows-000000000-000065536.h5");
  EXPECT_EQ(shard_name(65536, 7), "rows-000065536-000065543.h5");
}

TEST(Shards, FingerprintCoversEveryField) {
  const std::string base = provenance().fingerprint();
  EXPECT_EQ(provenance().fingerprint(), base);
  const auto changed = [&](const std::function<void(ShardProvenance&)>& change) {
    ShardProvenance other = provenance();
    change(other);
    EXPECT_NE(other.fingerprint(), base);
  };
  changed([](ShardProvenance& p) { p.rows = 24; });
  changed([](ShardProvenance& p) { p.rows_per_shard = 11; });
  changed([](ShardProvenance& p) { p.dtype = "float16"; });
  changed([](ShardProvenance& p) { p.pooling = "cls"; });
  changed([](ShardProvenance& p) { p.normalize = false; });
  changed([](ShardProvenance& p) { p.model_sha256[3] = '0'; });
  changed([](ShardProvenance& p) { p.tokenizer_sha256[3] = '0'; });
  changed([](ShardProvenance& p) { p.settings_sha256[3] = '0'; });
  changed([](ShardProvenance& p) { p.prepared_sha256[3] = '0'; });
  changed([](ShardProvenance& p) { p.heads[0].classes[0] = "worse"; });
}

TEST(Shards, RoundTripAcrossShards) {
  for (const std::string dtype : {"float32", "float16"}) {
    TemporaryFolder folder;
    write_all(folder.path(), provenance(dtype));
    const EmbeddingsReader reader(folder.path(), EmbeddingsReader::Verify::hashes);
    EXPECT_EQ(reader.rows(), rows);
    EXPECT_EQ(reader.width(), width);
    EXPECT_EQ(reader.provenance().fingerprint(), provenance(dtype).fingerprint());
    for (const auto& [first, count] :
         {std::pair<int64_t, int64_t>{0, rows}, {9, 2}, {10, 10}, {22, 1}, {7, 0}}) {
      std::vector<float> values(static_cast<size_t>(count * width)), stars(static_cast<size_t>(count));
      reader.embeddings(first, count, values.data());
      reader.predictions("stars", first, count, stars.data());
      const std::vector<int32_t> tokens = reader.tokens(first, count);
      for (int64_t row = 0; row < count; ++row) {
        EXPECT_EQ(values[static_cast<size_t>(row * width + 4)], value_at(first + row, 4));
        EXPECT_EQ(stars[static_cast<size_t>(row)], static_cast<float>(first + row) / 2.0f);
        EXPECT_EQ(tokens[static_cast<size_t>(row)], 3 + first + row);
      }
    }
    std::vector<float> unused(3);
    expect_error(ExitCode::internal, {"nobody"}, [&] { reader.predictions("nobody", 0, 1, unused.data()); });
    expect_error(ExitCode::internal, {"23"}, [&] { reader.tokens(20, 4); });
  }
}

// A shard of a wider model under the right name: what it holds would not fit where it is read to.
TEST(Shards, RefusesAShardOfAnotherShape) {
  TemporaryFolder folder, wider_folder;
  write_all(folder.path(), provenance());
  ShardProvenance wider = provenance();
  wider.width = 64;
  ShardData data = shard(10, 10);
  data.embedding.assign(64 * 10, 1.0f);
  write_shard(wider_folder.path(), wider, data);
  const fs::path name = fs::path("shards") / shard_name(10, 10);
  fs::remove(folder.path() / name);
  fs::copy(wider_folder.path() / name, folder.path() / name);
  Json manifest = read_json(folder.path() / "manifest.json");
  manifest["shards"][1]["bytes"] = fs::file_size(folder.path() / name);
  write_json(folder.path() / "manifest.json", manifest);
  const EmbeddingsReader reader(folder.path(), EmbeddingsReader::Verify::sizes);
  std::vector<float> values(static_cast<size_t>(rows * width));
  expect_error(ExitCode::bad_data, {"rows-000000010", "/embedding"},
               [&] { reader.embeddings(0, rows, values.data()); });
  manifest["shards"][1]["rows"] = std::numeric_limits<int64_t>::max();
  write_json(folder.path() / "manifest.json", manifest);
  expect_error(ExitCode::bad_data, {"manifest.json"},
               [&] { EmbeddingsReader(folder.path(), EmbeddingsReader::Verify::sizes); });
}

TEST(Shards, TheSameDataIsTheSameBytes) {
  TemporaryFolder a, b;
  write_all(a.path(), provenance());
  write_all(b.path(), provenance());
  for (const char* file : {"shards/rows-000000000-000000010.h5", "manifest.json", "embeddings.h5"}) {
    EXPECT_EQ(sha256_file(a.path() / file), sha256_file(b.path() / file)) << file;
  }
}

TEST(Shards, VirtualFileReadsThroughAfterMoving) {
  TemporaryFolder folder;
  write_all(folder.path() / "before", provenance());
  fs::rename(folder.path() / "before", folder.path() / "after");
  const hdf5::Reader file(folder.path() / "after" / "embeddings.h5");
  EXPECT_EQ(file.dims("/embedding"), (std::vector<int64_t>{rows, width}));
  std::vector<float> values(static_cast<size_t>(rows * width));
  file.read("/embedding", hdf5::Type::f32, 0, rows, values.data());
  EXPECT_EQ(values.back(), value_at(22, 4));
  EXPECT_EQ(file.strings("/customer", 21, 2), (std::vector<std::string>{"客户-1", "客户-2"}));
  EXPECT_EQ(file.attribute_strings("/prediction/sentiment", "classes"),
            (std::vector<std::string>{"bad", "gut ✓"}));
  EXPECT_EQ(file.attribute("/", "fingerprint"), provenance().fingerprint());
}

TEST(Shards, ValidOnlyWhenWholeAndOurs) {
  TemporaryFolder folder;
  write_all(folder.path(), provenance());
  const auto valid = [&](const ShardProvenance& from) { return shard_is_valid(folder.path(), from, 10, 10); };
  EXPECT_TRUE(valid(provenance()));
  EXPECT_FALSE(shard_is_valid(folder.path(), provenance(), 10, 9)) << "there is no such range";
  ShardProvenance other = provenance();
  other.model_sha256 = std::string(64, '0');
  EXPECT_FALSE(valid(other));

  const fs::path path = folder.path() / "shards" / shard_name(10, 10);
  const std::string bytes = read_file(path);
  write_file(path, bytes.substr(0, bytes.size() / 2));
  EXPECT_FALSE(valid(provenance())) << "torn";
  write_file(path, "not HDF5 at all");
  EXPECT_FALSE(valid(provenance()));
  // One bit inside the vectors: only the checksum of the chunk knows.
  std::string flipped = bytes;
  const float wanted = value_at(13, 2);
  const size_t place = flipped.find(std::string(reinterpret_cast<const char*>(&wanted), sizeof wanted));
  ASSERT_NE(place, std::string::npos);
  flipped[place] = static_cast<char>(flipped[place] ^ 1);
  write_file(path, flipped);
  EXPECT_FALSE(valid(provenance()));
  // The bytes of another range under this name.
  write_file(path, read_file(folder.path() / "shards" / shard_name(0, 10)));
  EXPECT_FALSE(valid(provenance()));
  write_file(path, bytes);
  EXPECT_TRUE(valid(provenance()));
}

TEST(Shards, ReaderNamesWhatIsWrong) {
  TemporaryFolder folder;
  const auto open = [&](EmbeddingsReader::Verify verify = EmbeddingsReader::Verify::sizes) {
    return [&folder, verify] { const EmbeddingsReader reader(folder.path(), verify); };
  };
  expect_error(ExitCode::missing_input, {"manifest.json", "limner extract"}, open());
  write_all(folder.path(), provenance());
  const std::string name = shard_name(10, 10);
  const fs::path path = folder.path() / "shards" / name;
  std::string bytes = read_file(path);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 4);
  write_file(path, bytes);
  open()();
  expect_error(ExitCode::bad_data, {name, "limner extract"}, open(EmbeddingsReader::Verify::hashes));
  fs::resize_file(path, bytes.size() - 1);
  expect_error(ExitCode::bad_data, {name, "bytes"}, open());
  fs::remove(path);
  expect_error(ExitCode::missing_input, {name, "missing"}, open());

  Json manifest = read_json(folder.path() / "manifest.json");
  manifest["shards"].erase(1);
  write_json(folder.path() / "manifest.json", manifest);
  expect_error(ExitCode::bad_data, {"manifest.json", "row 10"}, open());
  manifest["shards"][0]["file"] = "../elsewhere.h5";
  write_json(folder.path() / "manifest.json", manifest);
  expect_error(ExitCode::bad_data, {"elsewhere"}, open());
  for (const Json& wrong : {Json(1e90), Json(2.5), Json(uint64_t{1} << 63)}) {
    Json other = manifest;
    other["rows_per_shard"] = wrong;
    write_json(folder.path() / "manifest.json", other);
    expect_error(ExitCode::bad_data,
                 {"not a manifest", "an integer of 64 bits is wanted, not " + wrong.dump()}, open());
  }
  manifest["format_version"] = 2;
  write_json(folder.path() / "manifest.json", manifest);
  expect_error(ExitCode::bad_data, {"version 2"}, open());
  write_file(folder.path() / "manifest.json", "{}");
  expect_error(ExitCode::bad_data, {"not a manifest"}, open());
}

TEST(Shards, PublishWantsEveryRangeOfOneProvenance) {
  TemporaryFolder folder;
  write_shard(folder.path(), provenance(), shard(0, 10));
  write_shard(folder.path(), provenance(), shard(20, 3));
  expect_error(ExitCode::internal, {shard_name(10, 10)},
               [&] { publish_embeddings(folder.path(), provenance()); });
  ShardProvenance other = provenance();
  other.pooling = "cls";
  write_shard(folder.path(), other, shard(10, 10));
  expect_error(ExitCode::bad_data, {shard_name(10, 10)},
               [&] { publish_embeddings(folder.path(), provenance()); });
  EXPECT_FALSE(fs::exists(folder.path() / "manifest.json"));
}

TEST(Shards, WrongSizesAreACallersMistake) {
  TemporaryFolder folder;
  ShardData data = shard(0, 10);
  data.customers.pop_back();
  expect_error(ExitCode::internal, {"9 customers"}, [&] { write_shard(folder.path(), provenance(), data); });
}

// Needs a Python with h5py, pandas and xarray: LIMNER_PYTHON, or the environment of scripts/python-env.
TEST(Shards, PythonReadsThemWithNoCodeOfOurs) {
  const char* python = std::getenv("LIMNER_PYTHON");
  const char* source = std::getenv("LIMNER_SOURCE");
  if (python == nullptr || source == nullptr) GTEST_SKIP() << "LIMNER_PYTHON or LIMNER_SOURCE is not set";
  TemporaryFolder folder;
  write_all(folder.path(), provenance("float16"));
  const std::string command =
      fmt::format("'{}' '{}/tests/extract/open_embeddings.py' '{}'", python, source, folder.path().string());
  EXPECT_EQ(std::system(command.c_str()), 0) << command;
}

}  // namespace
}  // namespace limner::testing
