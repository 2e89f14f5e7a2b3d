// A YAML configuration; behind a zero byte, an override. What is read prints, and reads back to the same.
#include "runtime/settings.h"

#include "runtime/config.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace limner;
  const std::string_view input = fuzz::view(data, size);
  const size_t end = std::min(input.find('\0'), size);
  std::vector<std::string> overrides;
  if (end < size) overrides.emplace_back(input.substr(end + 1));
  fuzz::hold(size, [&] {
    const Settings settings = parse_settings(std::string(input.substr(0, end)), "fuzz.yaml", overrides);
    const std::string printed = print_settings(settings);
    if (print_settings(parse_settings(printed, "printed.yaml")) != printed) std::abort();
  });
  return 0;
}
