#include "runtime/job_limit.h"

#include <pthread.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/error.h"
#include "runtime/launcher.h"
#include "runtime/process.h"

namespace limner {
namespace {

constexpr std::chrono::seconds start_one_host{20}, start_hosts{120}, end{15}, until_nobody_is_blamed{4};

// The value of a variable in the bytes of /proc/PROCESS/environ: NAME=VALUE, each ended by a zero.
std::string_view variable(std::string_view environment, std::string_view name) {
  while (!environment.empty()) {
    const std::string_view entry = environment.substr(0, environment.find('\0'));
    if (entry.starts_with(name) && entry.substr(name.size()).starts_with('=')) {
      return entry.substr(name.size() + 1);
    }
    environment.remove_prefix(std::min(environment.size(), entry.size() + 1));
  }
  return {};
}

struct StoppedRank {
  pid_t process;
  std::string rank;
};

std::optional<StoppedRank> find_stopped_rank() {
  const char* const job = std::getenv("PMIX_NAMESPACE");
  if (job == nullptr) return std::nullopt;
  std::error_code gone;  // processes come and go
  for (std::filesystem::directory_iterator entry("/proc", gone), none; !gone && entry != none;
       entry.increment(gone)) {
    const std::string name = entry->path().filename();
    pid_t process = 0;
    const auto [end_of_number, error] = std::from_chars(name.data(), name.data() + name.size(), process);
    if (error != std::errc{} || end_of_number != name.data() + name.size()) continue;
    const auto status = process_status(process);
    if (!status || status->state != 'T') continue;
    std::ifstream file(entry->path() / "environ", std::ios::binary);
    const std::string environment(std::istreambuf_iterator<char>(file), {});
    const std::string_view rank = variable(environment, "PMIX_RANK");
    if (!rank.empty() && variable(environment, "PMIX_NAMESPACE") == job)
      return StoppedRank{process, std::string(rank)};
  }
  return std::nullopt;
}

int launched_ranks() {
  const int ranks = environment_count("OMPI_COMM_WORLD_SIZE");
  return ranks > 0 ? ranks : environment_count("SLURM_STEP_NUM_TASKS");
}

}  // namespace

void JobLimit::begin_start() {
  if (!started_by_launcher()) return;
  const int ranks = environment_count("OMPI_COMM_WORLD_SIZE");
  const bool one_host = ranks > 0 ? environment_count("OMPI_COMM_WORLD_LOCAL_SIZE") == ranks
                                  : environment_count("SLURM_STEP_NUM_NODES") == 1;
  begin(one_host ? start_one_host : start_hosts, "start", "MPI_Init");
}

void JobLimit::begin_end() { begin(end, "end", "MPI_Finalize"); }

void JobLimit::begin(std::chrono::seconds limit, const char* phase, const char* call) {
  lift();
  lifted_ = false;
  limit += std::chrono::seconds(environment_count("PMIX_RANK") % 4);
  thread_ = std::thread(&JobLimit::wait, this, limit, phase, call);
}

void JobLimit::lift() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    lifted_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void JobLimit::wait(std::chrono::seconds limit, const char* phase, const char* call) {
  pthread_setname_np(pthread_self(), "limner-limit");
  std::unique_lock<std::mutex> lock(mutex_);
  const auto lifted_within = [&](std::chrono::seconds time) {
    return changed_.wait_for(lock, time, [&] { return lifted_; });
  };
  if (lifted_within(limit)) return;
  std::string message;
  if (const auto stopped = find_stopped_rank()) {
    message = fmt::format(
        "rank {} of {} on {}, process {}, phase {}, not through '{}' after {} s: it is stopped",
        stopped->rank, launched_ranks(), host_name(), stopped->process, phase, call, limit.count());
  } else {
    if (lifted_within(until_nobody_is_blamed)) return;
    message = fmt::format(
        "phase {}: not all ranks came through '{}' within {} s: one is stopped, or its host or network is "
        "gone",
        phase, call, (limit + until_nobody_is_blamed).count());
  }
  std::fprintf(stderr, "limner: %s; the job ends\n", message.c_str());
  std::_Exit(static_cast<int>(ExitCode::internal));
}

}  // namespace limner
