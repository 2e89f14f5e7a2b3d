// adapter_config.json of a folder with an adapter; the base that it names is `base`, where the process
// stands.
#include "model/adapter_config.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace limner;
  static const bool base_is_there = [] {
    std::filesystem::current_path(fuzz::put("base/config.json", "{}").parent_path().parent_path());
    return true;
  }();
  static_cast<void>(base_is_there);
  fuzz::put("adapter/adapter_config.json", fuzz::view(data, size));
  fuzz::hold(size, [] {
    AdapterConfig::read(fuzz::scratch() / "adapter").write(fuzz::scratch());
    config_folder(fuzz::scratch() / "adapter");
  });
  return 0;
}
