// The table of subcommands, and what their command lines share.
#include <algorithm>

#include "cli/command.h"
#include "runtime/config.h"
#include "runtime/error.h"
#include "runtime/nearest.h"

namespace limner {

const std::vector<Command>& commands() {
  static const std::vector<Command> table = {
      {"run", "limner run CONFIG [key.path=value ...]",
       "prepare, train, extract and profile in order; unchanged stages are skipped", run_command},
      {"prepare", "limner prepare CONFIG [key.path=value ...]",
       "raw tables to clean, joined, split rows and a quality report", prepare_command},
      {"train", "limner train CONFIG [key.path=value ...]",
       "fine-tunes the model on the prepared rows; goes on where it was interrupted", train_command},
      {"extract", "limner extract CONFIG [key.path=value ...]",
       "vectors and every head's predictions of all rows, in HDF5", extract_command},
      {"profile", "limner profile CONFIG [key.path=value ...]",
       "customer profiles, segments, regressions and report.html", profile_command},
      {"check", "limner check CONFIG [key.path=value ...]",
       "predicts parameters, memory, steps and disk; writes nothing", check_command},
      {"plan", "limner plan CONFIG [--gpus N] [key.path=value ...]",
       "predicts step time and scaling to many GPUs from one; writes nothing", plan_command},
      {"merge", "limner merge ADAPTER OUT", "adds an adapter's updates to its base: a whole checkpoint",
       merge_command},
      {"inspect", "limner inspect PATH", "describes a checkpoint, tokenizer, prepared set, shard or run",
       inspect_command},
      {"verify", "limner verify PATH",
       "recomputes checksums and row counts of a run directory or a part of one", verify_command},
      {"grid", "limner grid FILE [INDEX]", "the number of combinations of a sweep, or the settings of one",
       grid_command},
      {"compare", "limner compare RUN ...",
       "a table of runs: the settings in which they differ, and what training reached", compare_command},
      {"bench", "limner bench NAME [key=value ...]",
       "built-in benchmarks, JSON lines out (gemm, extract, train, tokenizer)", bench_command},
      {"demo-data", "limner demo-data FOLDER [customers=600] [seed=17]",
       "writes the demo's made-up customers and reviews", demo_data_command},
      {"reference", "limner reference", "prints docs/configuration.md: every setting, its default and range",
       reference_command},
  };
  return table;
}

const Command& command_named(const std::string& name) {
  std::vector<std::string> names;
  for (const Command& command : commands()) {
    if (name == command.name) return command;
    names.emplace_back(command.name);
  }
  fail(ExitCode::usage, "unknown command '{}'; did you mean '{}'? limner --help lists all", name,
       nearest(name, names));
}

Settings settings_from(const Arguments& arguments, const Command& command) {
  if (arguments.positional.empty())
    fail(ExitCode::usage, "{}: CONFIG is missing. Usage: {}", command.name, command.usage);
  return read_settings(arguments.positional.front(),
                       {arguments.positional.begin() + 1, arguments.positional.end()});
}

}  // namespace limner
