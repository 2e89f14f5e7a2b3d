// limner run, prepare, train, extract, profile.
#include <fmt/core.h>

#include <chrono>

#include "cli/command.h"
#include "cli/stages.h"
#include "runtime/log.h"

namespace limner {
namespace {

enum class Which : unsigned char { one, all };

int run_stages(const Arguments& arguments, Communicator& communicator, const char* name, Which which) {
  Run run{settings_from(arguments, command_named(name)), communicator};
  if (arguments.print_config) {
    if (communicator.root()) fmt::print("{}", print_settings(run.settings));
    return 0;
  }
  communicator.set_time_limit(std::chrono::seconds(run.settings.runtime.collective_timeout));
  communicator.set_silence_limit(std::chrono::seconds(run.settings.runtime.silence_timeout));
  for (const Stage& stage : stages()) {
    if (which == Which::all) {
      run_stage(stage, run, Again::if_changed);
    } else if (std::string(name) == stage.name) {
      run_stage(stage, run, Again::always);
    }
  }
  if (which == Which::all && communicator.root()) fmt::print("{}\n", run.profile_result().string());
  return 0;
}

}  // namespace

int run_command(const Arguments& a, Communicator& c) { return run_stages(a, c, "run", Which::all); }
int prepare_command(const Arguments& a, Communicator& c) { return run_stages(a, c, "prepare", Which::one); }
int train_command(const Arguments& a, Communicator& c) { return run_stages(a, c, "train", Which::one); }
int extract_command(const Arguments& a, Communicator& c) { return run_stages(a, c, "extract", Which::one); }
int profile_command(const Arguments& a, Communicator& c) { return run_stages(a, c, "profile", Which::one); }

}  // namespace limner
