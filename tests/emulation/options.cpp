#include "tests/emulation/options.h"

#include <cstdlib>
#include <string>
#include <string_view>

#include <cuda_runtime.h>

namespace emulation {
namespace {

std::string variable(const char* name, const char* otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : value;
}

Options read_options() {
  Options result;
  const std::string order = variable("LIMNER_EMULATION_ORDER", "ascending");
  if (order == "descending") {
    result.order = Order::descending;
  } else if (order == "uniform") {
    result.order = Order::uniform;
  } else if (order == "priority") {
    result.order = Order::priority;
  } else if (order != "ascending") {
    fail("LIMNER_EMULATION_ORDER is '%s', not ascending, descending, uniform or priority", order.c_str());
  }
  result.seed = std::strtoull(variable("LIMNER_EMULATION_SEED", "1").c_str(), nullptr, 10);
  result.lazy_streams = variable("LIMNER_EMULATION_STREAMS", "lazy") != "eager";
  result.guard = variable("LIMNER_EMULATION_GUARD", "0") == "1";
  result.memory_bytes =
      std::strtoull(variable("LIMNER_EMULATION_MEMORY", "17179869184").c_str(), nullptr, 10);
  result.capability = std::atoi(variable("LIMNER_EMULATION_CAPABILITY", "80").c_str());
  result.failing_launch = std::strtoll(variable("LIMNER_EMULATION_FAILING_LAUNCH", "0").c_str(), nullptr, 10);
  return result;
}

}  // namespace

const Options& options() {
  static const Options chosen = read_options();
  return chosen;
}

}  // namespace emulation
