// config.json of a folder with no weights, and what it says about heads.
#include "model/config.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace limner;
  fuzz::put("config.json", fuzz::view(data, size));
  fuzz::hold(size, [] { ModelConfig::read(fuzz::scratch()).to_json(); });
  return 0;
}
