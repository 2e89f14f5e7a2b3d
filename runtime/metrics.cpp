#include "runtime/metrics.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstring>
#include <limits>
#include <string_view>

#include "runtime/crc32c.h"
#include "runtime/error.h"
#include "runtime/events.pb.h"
#include "runtime/files.h"
#include "runtime/process.h"

namespace limner {
namespace {

constexpr std::string_view event_prefix = "events.out.tfevents.";

struct Record {
  int64_t step = 0;
  double time = 0;
  std::vector<std::pair<std::string, double>> values;
};

double unix_seconds() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::string json_line(const Record& record) {
  Json json{{"step", record.step}, {"time", record.time}};
  for (const auto& [tag, value] : record.values) json[tag] = value;  // not a number becomes null
  return json.dump() + "\n";
}

Record parse_line(const fs::path& path, int64_t line, std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object() || !json.contains("step") || !json["step"].is_number_integer() ||
      !json.contains("time") || !json["time"].is_number()) {
    fail(ExitCode::bad_data, "{}:{}: not a record of metrics", path.string(), line);
  }
  Record record{json["step"].get<int64_t>(), json["time"].get<double>(), {}};
  for (const auto& [tag, value] : json.items()) {
    if (tag == "step" || tag == "time") continue;
    const double number = value.is_number() ? value.get<double>() : std::numeric_limits<double>::quiet_NaN();
    record.values.emplace_back(tag, number);
  }
  return record;
}

// The records before `first_step`. What follows the last newline was torn by a kill.
std::vector<Record> read_records(const fs::path& path, int64_t first_step) {
  std::vector<Record> records;
  if (!fs::exists(path)) return records;
  const std::string bytes = read_file(path);
  int64_t line = 1;
  for (size_t begin = 0, end; (end = bytes.find('\n', begin)) != std::string::npos; begin = end + 1, ++line) {
    Record record = parse_line(path, line, std::string_view(bytes).substr(begin, end - begin));
    if (record.step < first_step) records.push_back(std::move(record));
  }
  return records;
}

std::string little_endian(uint64_t value, int bytes) {
  std::string text;
  for (int index = 0; index < bytes; ++index) text += static_cast<char>(value >> (8 * index));
  return text;
}

// TFRecord's checksum: rotated and shifted, so that a checksum of data with checksums in it stays good.
std::string masked_crc(std::string_view bytes) {
  const uint32_t crc = crc32c(bytes);
  return little_endian(((crc >> 15) | (crc << 17)) + 0xa282ead8u, 4);
}

std::string frame(const events::Event& event) {
  const std::string data = event.SerializeAsString();
  const std::string length = little_endian(data.size(), 8);
  return length + masked_crc(length) + data + masked_crc(data);
}

std::string version_frame(double time) {
  events::Event event;
  event.set_wall_time(time);
  event.set_file_version("brain.Event:2");
  return frame(event);
}

std::string event_frame(const Record& record) {
  events::Event event;
  event.set_wall_time(record.time);
  event.set_step(record.step);
  for (const auto& [tag, number] : record.values) {
    events::Summary::Value* value = event.mutable_summary()->add_value();
    value->set_tag(tag);
    value->set_simple_value(static_cast<float>(number));
  }
  return frame(event);
}

// A file that grows by whole records.
class AppendedFile {
 public:
  explicit AppendedFile(const fs::path& path)
      : path_(path), descriptor_(::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC)) {
    if (descriptor_ < 0) fail(ExitCode::io, "cannot open {}: {}", path.string(), std::strerror(errno));
  }
  ~AppendedFile() { ::close(descriptor_); }
  AppendedFile(const AppendedFile&) = delete;
  AppendedFile& operator=(const AppendedFile&) = delete;
  void append(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t put = ::write(descriptor_, bytes.data(), bytes.size());
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) fail(ExitCode::io, "cannot write {}: {}", path_.string(), std::strerror(errno));
      bytes.remove_prefix(static_cast<size_t>(put));
    }
  }

 private:
  fs::path path_;
  int descriptor_;
};

void remove_event_files(const fs::path& folder) {
  std::vector<fs::path> old;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (entry.path().filename().string().starts_with(event_prefix)) old.push_back(entry.path());
  }
  for (const fs::path& path : old) {
    std::error_code error;
    if (!fs::remove(path, error) && error) {
      fail(ExitCode::io, "cannot remove {}: {}", path.string(), error.message());
    }
  }
}

}  // namespace

struct MetricsWriter::State {
  AppendedFile lines;
  AppendedFile events;
};

// A resumed run rewrites both files with the records it keeps, so TensorBoard never sees a step twice.
MetricsWriter::MetricsWriter(const std::filesystem::path& folder, bool append, int64_t first_step) {
  make_folder(folder);
  const fs::path lines = folder / "metrics.jsonl";
  const std::vector<Record> kept = append ? read_records(lines, first_step) : std::vector<Record>();
  const double now = unix_seconds();
  std::string line_bytes;
  std::string event_bytes = version_frame(kept.empty() ? now : kept.front().time);
  for (const Record& record : kept) {
    line_bytes += json_line(record);
    event_bytes += event_frame(record);
  }
  const fs::path events =
      folder / fmt::format("{}{}.{}.{}.0", event_prefix, static_cast<int64_t>(now), host_name(), getpid());
  remove_event_files(folder);
  write_file(lines, line_bytes);
  write_file(events, event_bytes);
  state_.reset(new State{AppendedFile(lines), AppendedFile(events)});
}

MetricsWriter::~MetricsWriter() = default;

void MetricsWriter::write(int64_t step, const std::vector<std::pair<std::string, double>>& values) {
  const Record record{step, unix_seconds(), values};
  state_->lines.append(json_line(record));
  state_->events.append(event_frame(record));
}

}  // namespace limner
