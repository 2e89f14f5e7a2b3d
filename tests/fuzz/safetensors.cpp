// A safetensors file, every tensor of it read.
#include "model/safetensors.h"

#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace limner;
  const fs::path path = fuzz::put("model.safetensors", fuzz::view(data, size));
  fuzz::hold(size, [&] {
    const SafetensorsFile file(path);
    for (const TensorEntry& entry : file.entries()) {
      const bool read_as_f32 = entry.dtype == "F32" || entry.dtype == "F16" || entry.dtype == "BF16";
      if (!read_as_f32) continue;
      std::vector<float> values(static_cast<size_t>(entry.elements()));
      file.read(entry, values);
    }
  });
  return 0;
}
