// limner reference, limner demo-data.
#include <fmt/core.h>

#include <charconv>

#include "cli/command.h"
#include "cli/demo_data.h"
#include "runtime/config.h"
#include "runtime/error.h"

namespace limner {

int reference_command(const Arguments&, Communicator& communicator) {
  if (communicator.root()) fmt::print("{}", settings_reference());
  return 0;
}

int demo_data_command(const Arguments& arguments, Communicator& communicator) {
  const char* usage = command_named("demo-data").usage;
  if (arguments.positional.empty()) fail(ExitCode::usage, "demo-data: FOLDER is missing. Usage: {}", usage);
  int64_t customers = 600, seed = 17;
  for (size_t i = 1; i < arguments.positional.size(); ++i) {
    const std::string& word = arguments.positional[i];
    const size_t equals = word.find('=');
    const std::string key = word.substr(0, equals);
    int64_t* target = key == "customers" ? &customers : key == "seed" ? &seed : nullptr;
    const char* end = word.data() + word.size();
    if (!target || equals == std::string::npos ||
        std::from_chars(word.data() + equals + 1, end, *target) != std::from_chars_result{end, std::errc{}} ||
        *target < 1) {
      fail(ExitCode::usage, "demo-data: '{}' is not customers=NUMBER or seed=NUMBER. Usage: {}", word, usage);
    }
  }
  if (communicator.root())
    write_demo_data(arguments.positional.front(), static_cast<uint64_t>(seed), customers);
  return 0;
}

}  // namespace limner
