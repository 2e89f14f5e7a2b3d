// model.safetensors.index.json beside two whole shards.
#include "model/weight_files.h"
#include "tests/fuzz/fuzz.h"

namespace {

void write_shard(const char* file, const char* tensor) {
  float value = 1.0f;
  limner::write_safetensors(limner::fuzz::scratch() / file,
                            {{tensor, limner::Tensor(&value, limner::DType::f32, {1})}});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace limner;
  static const bool prepared = [] {
    write_shard("a.safetensors", "first");
    write_shard("b.safetensors", "second");
    return true;
  }();
  (void)prepared;
  fuzz::put("model.safetensors.index.json", fuzz::view(data, size));
  fuzz::hold(size, [] {
    const WeightFiles files(fuzz::scratch());
    float value = 0.0f;
    for (const std::string& name : files.names()) files.read(name, std::span(&value, 1));
  });
  return 0;
}
