#include "runtime/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <memory>
#include <string>

namespace limner {
namespace {

std::shared_ptr<spdlog::logger> make_logger(const std::string& prefix) {
  auto logger = std::make_shared<spdlog::logger>("limner", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  // On a terminal a log line first wipes what a progress bar drew there; the bar draws itself again below.
  const char* wipe = isatty(STDERR_FILENO) == 1 ? "\r\x1b[K" : "";
  logger->set_pattern(wipe + std::string("%H:%M:%S %-7l ") + prefix + "%v");
  logger->flush_on(spdlog::level::info);
  return logger;
}

std::shared_ptr<spdlog::logger>& process_logger() {
  static std::shared_ptr<spdlog::logger> logger = make_logger("");
  return logger;
}

}  // namespace

void start_log(int rank, int size, std::string_view host) {
  const bool quiet = size > 1 && rank != 0;
  process_logger() = make_logger(quiet ? fmt::format("[rank {} {}] ", rank, host) : "");
  if (quiet) process_logger()->set_level(spdlog::level::warn);
}

void log_line(int level, std::string_view message) {
  static constexpr spdlog::level::level_enum levels[] = {spdlog::level::info, spdlog::level::warn,
                                                         spdlog::level::err};
  process_logger()->log(levels[level < 0 || level > 2 ? 2 : level],
                        spdlog::string_view_t(message.data(), message.size()));
}

}  // namespace limner
