// The program: reads the command line, runs one subcommand, turns an error into a message and an exit code.
#include <fmt/core.h>

#include <boost/program_options.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <thread>

#include "cli/command.h"
#include "cli/version.h"
#include "runtime/error.h"
#include "runtime/interrupt.h"
#include "runtime/job_limit.h"
#include "runtime/launcher.h"
#include "runtime/log.h"

namespace limner {
namespace {

void print_help(const Command* command) {
  if (command) {
    fmt::print("{}\n\n{}\n\nOptions:\n", command->usage, command->summary);
    fmt::print("  --print-config  print the resolved configuration and end\n  --help          this page\n\n");
    fmt::print(
        "Settings stand behind the configuration as key.path=value; docs/configuration.md lists them.\n");
    return;
  }
  fmt::print(
      "Usage: limner COMMAND ...\n\nFrom what customers write and do to profiles of them.\n\nCommands:\n");
  for (const Command& entry : commands()) fmt::print("  {:<10} {}\n", entry.name, entry.summary);
  fmt::print(
      "\n  limner COMMAND --help   how to call a command\n  limner --version        versions of the "
      "build\n\n");
  fmt::print(
      "Every command runs alone or under mpirun / srun, with the same results. Exit codes: 0 done, 64 usage, "
      "65 bad data,\n");
  fmt::print(
      "66 input missing, 70 internal error, 74 input/output error, 75 interrupted (run again to go on), 78 "
      "bad configuration.\n");
}

int dispatch(const std::vector<std::string>& words, Communicator& communicator) {
  namespace po = boost::program_options;
  po::options_description options;
  options.add_options()("help,h", "")("version", "")("print-config", "")("gpus", po::value<std::string>())(
      "word", po::value<std::vector<std::string>>());
  po::positional_options_description positions;
  positions.add("word", -1);
  po::variables_map values;
  try {
    po::store(po::command_line_parser(words).options(options).positional(positions).run(), values);
  } catch (const po::error& error) {
    fail(ExitCode::usage, "{}; limner --help lists commands and options", error.what());
  }
  Arguments arguments;
  if (values.count("word")) arguments.positional = values["word"].as<std::vector<std::string>>();
  arguments.print_config = values.count("print-config") > 0;
  if (values.count("version")) {
    if (communicator.root()) fmt::print("{}", version_text());
    return 0;
  }
  const Command* command = nullptr;
  const bool gpus = values.count("gpus") > 0;
  if (!arguments.positional.empty()) {
    command = &command_named(arguments.positional.front());
    arguments.positional.erase(arguments.positional.begin());
    if (gpus && command->run != plan_command) {
      fail(ExitCode::usage, "{}: --gpus belongs to limner plan", command->name);
    }
    if (gpus && !arguments.positional.empty())
      arguments.positional.push_back("plan.gpus=" + values["gpus"].as<std::string>());
  }
  if (values.count("help") || !command) {
    if (communicator.root()) print_help(command);
    return command || values.count("help") ? 0 : static_cast<int>(ExitCode::usage);
  }
  return command->run(arguments, communicator);
}

// Where all ranks have come to their end: nobody stops listening to another before that.
int end_together(Communicator& communicator, JobLimit& limit, int exit_code) {
  communicator.barrier("end the program", Patience::unlimited);
  communicator.leave();
  if (communicator.size() > 1) limit.begin_end();
  return exit_code;
}

// One rank speaks: an error that all ranks meet is printed by rank 0, whose end takes the others along. A
// rank that fails alone waits in vain for that, then speaks itself.
int report(Communicator& communicator, JobLimit& limit, ExitCode code, const std::string& message) {
  if (code == ExitCode::interrupted) {  // agreed on by all
    log_info("{}", message);
    return end_together(communicator, limit, static_cast<int>(code));
  }
  if (!communicator.root()) std::this_thread::sleep_for(std::chrono::seconds(1));
  if (communicator.size() == 1) {
    log_error("{}", message);
    return static_cast<int>(code);
  }
  log_error("rank {} of {} on {}, phase {}: {}", communicator.rank(), communicator.size(),
            communicator.host(), communicator.phase(), message);
  communicator.leave();
  limit.begin_end();
  MpiSession::abort(static_cast<int>(code));
}

}  // namespace
}  // namespace limner

int main(int argc, char** argv) {
  using namespace limner;
  try {
    watch_signals();  // before anything that takes time
    JobLimit limit;   // outlives MPI
    limit.begin_start();
    const MpiSession session(argc, argv);
    Communicator communicator = Communicator::world();
    start_log(communicator.rank(), communicator.size(), communicator.host());
    if (const int tasks = unused_slurm_tasks(); tasks > 1) {
      log_warning(
          "SLURM gave this job {} tasks, and limner was started as one process: `srun --mpi=pmix limner ...` "
          "uses them all",
          tasks);
    }
    communicator.watch_ranks();
    limit.lift();
    try {
      return end_together(communicator, limit, dispatch({argv + 1, argv + argc}, communicator));
    } catch (const Error& error) {
      return report(communicator, limit, error.code(), error.what());
    } catch (const std::filesystem::filesystem_error& error) {
      if (error.code() == std::errc::filename_too_long) {
        return report(communicator, limit, ExitCode::missing_input,
                      fmt::format("{}: a name too long for this file system", error.path1().string()));
      }
      return report(communicator, limit, ExitCode::io, error.what());
    } catch (const std::bad_alloc&) {
      return report(communicator, limit, ExitCode::internal,
                    "out of memory: lower max_tokens_per_batch or rows_per_shard; limner check predicts what "
                    "a run needs");
    } catch (const std::exception& error) {
      return report(communicator, limit, ExitCode::internal, fmt::format("internal error: {}", error.what()));
    }
  } catch (const Error& error) {  // before there are ranks
    std::fprintf(stderr, "limner: %s\n", error.what());
    return static_cast<int>(error.code());
  }
}
