#include "model/safetensors.h"

#include <cmath>
#include <cstring>
#include <fstream>

#include "model/weight_files.h"
#include "tests/model/model_testing.h"

namespace limner {
namespace {

using testing::expect_error;
using testing::TemporaryFolder;

void write_bytes(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

std::string with_length(uint64_t length, const std::string& rest) {
  std::string bytes(sizeof length, '\0');
  std::memcpy(bytes.data(), &length, sizeof length);
  return bytes + rest;
}

std::string file_of(const std::string& header, const std::string& data) {
  return with_length(header.size(), header + data);
}

void expect_refused(const std::string& bytes, const std::string& why) {
  const TemporaryFolder folder;
  write_bytes(folder / "x.safetensors", bytes);
  expect_error(ExitCode::bad_data, {"x.safetensors", why},
               [&] { SafetensorsFile file(folder / "x.safetensors"); });
}

std::vector<float> read(const SafetensorsFile& file, const std::string& name) {
  const TensorEntry* entry = file.find(name);
  EXPECT_NE(entry, nullptr) << name;
  std::vector<float> out(static_cast<size_t>(entry->elements()));
  file.read(*entry, out);
  return out;
}

TEST(Safetensors, RoundTripIsExact) {
  const TemporaryFolder folder;
  std::vector<float> matrix{1.0f, -0.0f, 3.5f, NAN, INFINITY, 1e-42f};
  std::vector<float> scalar{7.0f};
  std::vector<int64_t> numbers{-1, 1LL << 40, 3};
  write_safetensors(folder / "x.safetensors",
                    {{"matrix", Tensor(matrix.data(), DType::f32, {2, 3})},
                     {"empty", Tensor(matrix.data(), DType::f32, {0, 3})},
                     {"numbers", Tensor(numbers.data(), DType::i64, {3})},
                     {"scalar", Tensor(scalar.data(), DType::f32, {1})}},
                    {{"step", "17"}});
  const SafetensorsFile file(folder / "x.safetensors");
  EXPECT_EQ(file.metadata().at("format"), "pt");
  EXPECT_EQ(file.metadata().at("step"), "17");
  ASSERT_EQ(file.entries().size(), 4u);
  const std::vector<float> back = read(file, "matrix");
  EXPECT_EQ(std::memcmp(back.data(), matrix.data(), sizeof(float) * matrix.size()), 0);
  EXPECT_EQ(file.find("matrix")->dims, (std::vector<int64_t>{2, 3}));
  EXPECT_TRUE(read(file, "empty").empty());
  EXPECT_EQ(read(file, "scalar"), scalar);
  EXPECT_EQ(file.find("absent"), nullptr);
  const std::string_view bytes = file.bytes(*file.find("numbers"));
  EXPECT_EQ(std::memcmp(bytes.data(), numbers.data(), bytes.size()), 0);
  expect_error(ExitCode::bad_data, {"numbers", "I64"}, [&] { read(file, "numbers"); });
}

TEST(Safetensors, DataIsAligned) {
  const TemporaryFolder folder;
  float value = 1.0f;
  for (const char* name : {"a", "ab", "abc", "abcd", "abcde", "abcdef", "abcdefg", "abcdefgh"}) {
    write_safetensors(folder / "x.safetensors", {{name, Tensor(&value, DType::f32, {1})}});
    EXPECT_EQ((fs::file_size(folder / "x.safetensors") - sizeof value) % 8, 0u);
  }
}

TEST(Safetensors, HalfTypesBecomeFloat) {
  const TemporaryFolder folder;
  // A header of odd length, so that the data are not aligned.
  const std::string header = R"({"b":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]},)"
                             R"("h":{"dtype":"F16","shape":[1,3],"data_offsets":[4,10]},"s":)"
                             R"({"dtype":"F32","shape":[],"data_offsets":[10,14]}}   )";
  const uint16_t halves[] = {0x3f80, 0xc049, 0x3c00, 0xc248, 0x0001};
  const float single = 2.5f;
  std::string data(reinterpret_cast<const char*>(halves), sizeof halves);
  data.append(reinterpret_cast<const char*>(&single), sizeof single);
  write_bytes(folder / "x.safetensors", file_of(header, data));
  const SafetensorsFile file(folder / "x.safetensors");
  EXPECT_EQ(read(file, "b"), (std::vector<float>{1.0f, -3.140625f}));
  EXPECT_EQ(read(file, "h"), (std::vector<float>{1.0f, -3.140625f, 0x1p-24f}));
  EXPECT_EQ(read(file, "s"), (std::vector<float>{2.5f}));
  EXPECT_TRUE(file.metadata().empty());
}

TEST(Safetensors, MissingFile) {
  expect_error(ExitCode::missing_input, {"nowhere.safetensors"},
               [] { SafetensorsFile file("/nonexistent/nowhere.safetensors"); });
}

TEST(Safetensors, BrokenHeaders) {
  expect_refused("", "too few");
  expect_refused("1234567", "too few");
  expect_refused(with_length(200, "{}"), "the header ends at byte 208, the file at 10");
  expect_refused(with_length(100'000'001, "{}"), "100000001 bytes long");
  expect_refused(with_length(~uint64_t{0}, "{}"), "bytes long");
  expect_refused(with_length(0, ""), "does not begin");
  expect_refused(file_of(" {}", ""), "does not begin");
  expect_refused(file_of("[1]", ""), "does not begin");
  expect_refused(file_of("{\"a\":", ""), "not valid JSON");
  expect_refused(file_of("{} {}", ""), "not valid JSON");
  expect_refused(file_of("{\"\xff\":1}", ""), "not valid JSON");
  expect_refused(file_of("{\"a\":" + std::string(200, '['), ""), "nested");
  expect_refused(file_of(R"({"__metadata__":{"format":1}})", ""), "not text");
  expect_refused(file_of(R"({"__metadata__":"pt"})", ""), "not an object");
}

TEST(Safetensors, BrokenTensors) {
  const auto one = [](const std::string& fields) { return file_of("{\"a\":{" + fields + "}}", "12345678"); };
  expect_refused(one(R"("dtype":"F32","shape":[2])"), "lacks");
  expect_refused(one(R"("dtype":"F32","shape":[2],"data_offsets":[0,8],"more":1)"), "lacks");
  expect_refused(one(R"("dtype":"F31","shape":[2],"data_offsets":[0,8])"), "unknown type F31");
  expect_refused(one(R"("dtype":"F32","shape":[-2],"data_offsets":[0,8])"), "-2");
  expect_refused(one(R"("dtype":"F32","shape":[2.0],"data_offsets":[0,8])"), "2.0");
  expect_refused(one(R"("dtype":"F32","shape":[2],"data_offsets":[0,8,9])"), "lacks");
  expect_refused(one(R"("dtype":"F32","shape":[2],"data_offsets":[-8,0])"), "-8");
  expect_refused(one(R"("dtype":"F32","shape":[3],"data_offsets":[0,8])"), "wants 12 bytes");
  expect_refused(one(R"("dtype":"F32","shape":[2],"data_offsets":[8,0])"), "wants 8 bytes");
  expect_refused(one(R"("dtype":"F4","shape":[3],"data_offsets":[0,2])"), "whole byte");
  expect_refused(one(R"("dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8])"), "too large");
  expect_refused(one(R"("dtype":"F32","shape":[1],"data_offsets":[4,8])"), "a hole before it");
  expect_refused(one(R"("dtype":"F32","shape":[1],"data_offsets":[0,4])"),
                 "want 4 bytes of data, the file has 8");
  expect_refused(one(R"("dtype":"F32","shape":[4],"data_offsets":[0,16])"), "want 16 bytes of data");
  const std::string twice = R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                            R"("a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})";
  expect_refused(file_of(twice, "12345678"), "key \"a\" stands twice");
  const std::string overlap = R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                              R"("b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
  expect_refused(file_of(overlap, "12345678"), "overlap");
}

TEST(Safetensors, EveryTruncationIsRefused) {
  const TemporaryFolder folder;
  std::vector<float> data(5, 1.5f);
  write_safetensors(folder / "whole.safetensors", {{"a", Tensor(data.data(), DType::f32, {5})}});
  const std::string whole = read_file(folder / "whole.safetensors");
  for (size_t length = 0; length < whole.size(); ++length) {
    write_bytes(folder / "cut.safetensors", whole.substr(0, length));
    expect_error(ExitCode::bad_data, {"cut.safetensors"},
                 [&] { SafetensorsFile file(folder / "cut.safetensors"); });
  }
}

// Two shards of one tensor each and their index.
class Shards : public ::testing::Test {
 protected:
  void SetUp() override {
    write_safetensors(folder_ / "one.safetensors", {{"a", Tensor(&one_, DType::f32, {1})}});
    write_safetensors(folder_ / "two.safetensors", {{"b", Tensor(&two_, DType::f32, {1})}});
    index(
        R"({"metadata": {"total_size": 8}, "weight_map": {"a": "one.safetensors", "b": "two.safetensors"}})");
  }
  void index(const std::string& text) { write_bytes(folder_ / "model.safetensors.index.json", text); }
  void expect_refused(ExitCode code, const std::vector<std::string>& words) {
    expect_error(code, words, [&] { WeightFiles files(folder_.path()); });
  }
  TemporaryFolder folder_;
  float one_ = 1.0f, two_ = 2.0f;
};

TEST_F(Shards, AreReadAsOne) {
  const WeightFiles files(folder_.path());
  EXPECT_EQ(files.names(), (std::vector<std::string>{"a", "b"}));
  float value = 0.0f;
  files.read("b", {&value, 1});
  EXPECT_EQ(value, 2.0f);
  EXPECT_EQ(files.file_of("a").filename(), "one.safetensors");
  EXPECT_EQ(files.paths().size(), 3u);
}

TEST_F(Shards, BrokenIndexes) {
  index(R"({"weight_map": {"a": "one.safetensors", "b": "three.safetensors"}})");
  expect_refused(ExitCode::missing_input, {"three.safetensors"});
  index(R"({"weight_map": {"a": "../one.safetensors"}})");
  expect_refused(ExitCode::bad_data, {"index.json", "'a'", "../one.safetensors"});
  index(R"({"weight_map": {"a": ".."}})");
  expect_refused(ExitCode::bad_data, {"'a'", ".."});
  index(R"({"weight_map": {"a": 1}})");
  expect_refused(ExitCode::bad_data, {"'a'"});
  index(R"({"weight_map": {"a": "two.safetensors", "b": "two.safetensors"}})");
  expect_refused(ExitCode::bad_data, {"'a'", "two.safetensors"});
  index(R"({"weight_map": {"a": "one.safetensors", "b": "two.safetensors", "c": "two.safetensors"}})");
  expect_refused(ExitCode::bad_data, {"'c'", "two.safetensors"});
  index(R"({"weight_map": {"a": "one.safetensors", "a": "two.safetensors"}})");
  expect_refused(ExitCode::bad_data, {"index.json", "twice"});
  index(R"({"metadata": {}})");
  expect_refused(ExitCode::bad_data, {"weight_map"});
  index("{");
  expect_refused(ExitCode::bad_data, {"index.json"});
}

TEST_F(Shards, TensorInTwoShardsOrNotListed) {
  write_safetensors(folder_ / "two.safetensors",
                    {{"a", Tensor(&one_, DType::f32, {1})}, {"b", Tensor(&two_, DType::f32, {1})}});
  expect_refused(ExitCode::bad_data, {"'a'", "as well"});
  write_safetensors(folder_ / "two.safetensors",
                    {{"b", Tensor(&one_, DType::f32, {1})}, {"c", Tensor(&two_, DType::f32, {1})}});
  expect_refused(ExitCode::bad_data, {"'c'", "not listed"});
}

TEST_F(Shards, PickledWeightsAreNeverOpened) {
  const TemporaryFolder pickled;
  write_bytes(pickled / "pytorch_model.bin", "pickle");
  expect_error(ExitCode::bad_data, {"pytorch_model.bin", "save_pretrained"},
               [&] { WeightFiles files(pickled.path()); });
  const TemporaryFolder empty;
  expect_error(ExitCode::missing_input, {"model.safetensors"}, [&] { WeightFiles files(empty.path()); });
}

}  // namespace
}  // namespace limner
