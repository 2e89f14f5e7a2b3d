#include "runtime/metrics.h"

#include <bit>
#include <cmath>
#include <fstream>

#include "runtime/crc32c.h"
#include "runtime/files.h"
#include "tests/runtime/temporary_folder.h"

namespace limner {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// CRC-32C bit by bit, to check the table's.
uint32_t slow_crc(std::string_view bytes) {
  uint32_t crc = ~0u;
  for (const char byte : bytes) {
    crc ^= static_cast<uint8_t>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 1u) != 0 ? (crc >> 1) ^ 0x82F63B78u : crc >> 1;
  }
  return ~crc;
}

uint64_t little_endian(std::string_view bytes) {
  uint64_t value = 0;
  for (size_t index = bytes.size(); index-- > 0;) value = value << 8 | static_cast<uint8_t>(bytes[index]);
  return value;
}

uint32_t unmasked(std::string_view bytes) {
  const uint32_t rotated = static_cast<uint32_t>(little_endian(bytes)) - 0xa282ead8u;
  return (rotated >> 17) | (rotated << 15);
}

// The data of every frame; the checksums must hold.
std::vector<std::string> frames(std::string_view bytes) {
  std::vector<std::string> result;
  while (!bytes.empty()) {
    if (bytes.size() < 16) throw std::runtime_error("torn frame");
    const auto length = static_cast<size_t>(little_endian(bytes.substr(0, 8)));
    EXPECT_EQ(unmasked(bytes.substr(8, 4)), slow_crc(bytes.substr(0, 8)));
    result.emplace_back(bytes.substr(12, length));
    EXPECT_EQ(unmasked(bytes.substr(12 + length, 4)), slow_crc(result.back()));
    bytes.remove_prefix(16 + length);
  }
  return result;
}

fs::path event_file(const fs::path& folder) {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().filename().string().starts_with("events.out.tfevents.")) found.push_back(entry.path());
  }
  EXPECT_EQ(found.size(), 1u);
  return found.at(0);
}

std::vector<Json> lines(const fs::path& folder) {
  std::vector<Json> result;
  std::ifstream file(folder / "metrics.jsonl");
  for (std::string line; std::getline(file, line);) result.push_back(Json::parse(line));
  return result;
}

TEST(Metrics, Crc32cKnownAnswer) {
  EXPECT_EQ(crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(crc32c(""), 0u);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aau);  // RFC 3720
  const std::string text(1009, 'q');
  EXPECT_EQ(crc32c(text), slow_crc(text));
}

TEST(Metrics, BothFilesHoldTheValues) {
  const TemporaryFolder folder;
  {
    MetricsWriter writer(folder.path() / "train", false);
    writer.write(10, {{"train/loss", 0.5}, {"train/learning_rate", 1e-4}});
    writer.write(20, {{"train/loss", std::nan("")}});
  }
  const std::vector<Json> records = lines(folder.path() / "train");
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0]["step"], 10);
  EXPECT_EQ(records[0]["train/loss"], 0.5);
  EXPECT_EQ(records[0]["train/learning_rate"], 1e-4);
  EXPECT_GT(records[0]["time"].get<double>(), 1.6e9);
  EXPECT_TRUE(records[1]["train/loss"].is_null());

  const std::vector<std::string> events = frames(read_file(event_file(folder.path() / "train")));
  ASSERT_EQ(events.size(), 3u);
  EXPECT_THAT(events[0], HasSubstr("brain.Event:2"));
  // Field 1: a double; field 2: the step; field 5: the summary with Value{tag = 1, simple_value = 2}.
  EXPECT_EQ(events[1].substr(0, 1), "\x09");
  EXPECT_EQ(events[1].substr(9, 2), "\x10\x0a");
  EXPECT_EQ(events[1][11], '\x2a');
  EXPECT_THAT(events[1], HasSubstr(std::string("\x0a\x0atrain/loss\x15", 13) + std::string("\0\0\0\x3f", 4)));
}

TEST(Metrics, ResumedRunDropsWhatItDoesAgain) {
  const TemporaryFolder folder;
  {
    MetricsWriter writer(folder.path(), false);
    for (const int64_t step : {10, 20, 30}) writer.write(step, {{"loss", static_cast<double>(step)}});
  }
  std::ofstream(folder.path() / "metrics.jsonl", std::ios::app) << "{\"step\": 40, \"ti";  // torn by a kill
  {
    MetricsWriter writer(folder.path(), true, 30);
    writer.write(30, {{"loss", 33.0}});
  }
  std::vector<double> losses;
  for (const Json& record : lines(folder.path())) losses.push_back(record["loss"].get<double>());
  EXPECT_THAT(losses, ElementsAre(10, 20, 33));
  EXPECT_EQ(frames(read_file(event_file(folder.path()))).size(), 4u);

  { MetricsWriter fresh(folder.path(), false); }
  EXPECT_TRUE(lines(folder.path()).empty());
  EXPECT_EQ(frames(read_file(event_file(folder.path()))).size(), 1u);
}

TEST(Metrics, ForeignFileIsBadData) {
  const TemporaryFolder folder;
  write_file(folder.path() / "metrics.jsonl", "{\"step\": 1, \"time\": 2}\nhello\n");
  expect_error(ExitCode::bad_data, {"metrics.jsonl:2"}, [&] { MetricsWriter(folder.path(), true, 5); });
}

}  // namespace
}  // namespace limner
