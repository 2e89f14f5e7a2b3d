// One entry a subcommand; the table stands in main.cpp.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runtime/communicator.h"
#include "runtime/settings.h"

namespace limner {

struct Arguments {
  std::vector<std::string> positional;  // behind the command's name
  bool print_config = false;
};

struct Command {
  const char* name;
  const char* usage;    // "limner train CONFIG [key.path=value ...]"
  const char* summary;  // one line
  int (*run)(const Arguments& arguments, Communicator& communicator);
};

// CONFIG and its overrides, as every stage's command takes them. Errors: ExitCode::usage.
Settings settings_from(const Arguments& arguments, const Command& command);

int prepare_command(const Arguments&, Communicator&);
int train_command(const Arguments&, Communicator&);
int extract_command(const Arguments&, Communicator&);
int profile_command(const Arguments&, Communicator&);
int run_command(const Arguments&, Communicator&);
int check_command(const Arguments&, Communicator&);
int plan_command(const Arguments&, Communicator&);
int merge_command(const Arguments&, Communicator&);
int inspect_command(const Arguments&, Communicator&);
int verify_command(const Arguments&, Communicator&);
int grid_command(const Arguments&, Communicator&);
int compare_command(const Arguments&, Communicator&);
int bench_command(const Arguments&, Communicator&);
int demo_data_command(const Arguments&, Communicator&);
int reference_command(const Arguments&, Communicator&);

const std::vector<Command>& commands();
const Command& command_named(const std::string& name);  // unknown: ExitCode::usage with the nearest

}  // namespace limner
