#include "runtime/run.h"

#include <fmt/chrono.h>

#include <algorithm>
#include <chrono>

#include "runtime/files.h"
#include "runtime/parallel.h"
#include "runtime/version.h"

namespace limner {
namespace {

std::filesystem::path record_path(const Run& run) { return run.directory() / "run.json"; }

Json read_record(const Run& run) {
  const std::filesystem::path path = record_path(run);
  if (!std::filesystem::exists(path)) return Json{{"format_version", 1}, {"stages", Json::object()}};
  Json record = read_json(path);
  if (!record.is_object() || !record.contains("stages") || !record["stages"].is_object()) {
    fail(ExitCode::bad_data, "{}: no object `stages`; remove the file to run every stage again",
         path.string());
  }
  return record;
}

}  // namespace

bool Run::has_texts() const {
  const auto& sources = settings.prepare.sources;
  return std::any_of(sources.begin(), sources.end(),
                     [](const SourceSettings& source) { return source.fields.contains("text"); });
}

int Run::threads() const {
  return resolve_threads(static_cast<int>(settings.runtime.threads.value_or(0)), communicator.local_size());
}

void record_stage(const Run& run, const std::string& stage, const std::string& fingerprint, double seconds) {
  if (!run.communicator.root()) return;
  make_folder(run.directory());
  Json record = read_record(run);
  const auto now = std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now());
  record["stages"][stage] = {
      {"fingerprint", fingerprint},
      {"seconds", seconds},
      {"ranks", run.communicator.size()},
      {"threads", run.threads()},
      {"host", run.communicator.host()},
      {"version", build_version()},
      {"finished_at",
       fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::chrono::system_clock::to_time_t(now)))},
  };
  write_json(record_path(run), record);
}

std::string recorded_fingerprint(const Run& run, const std::string& stage) {
  const Json record = read_record(run);
  const auto entry = record["stages"].find(stage);
  if (entry == record["stages"].end() || !entry->is_object()) return {};
  const auto fingerprint = entry->find("fingerprint");
  return fingerprint != entry->end() && fingerprint->is_string() ? fingerprint->get<std::string>() : "";
}

}  // namespace limner
