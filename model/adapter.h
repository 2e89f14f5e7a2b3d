// The tensors of a PEFT adapter (adapter_model.safetensors), under the names that its base has for them.
#pragma once

#include <filesystem>
#include <map>
#include <span>
#include <string>

#include "model/adapter_config.h"
#include "model/safetensors.h"

namespace limner {

inline constexpr const char* adapter_file_name = "adapter_model.safetensors";
inline constexpr const char* adapter_key_prefix = "base_model.model.";  // of every key
inline constexpr const char* adapter_base_key =
    "limner_base_sha256";  // of the file's metadata, if written here

class Adapter {
 public:
  using Tensors = std::map<std::string, const TensorEntry*>;
  // `base`: its tensors. Errors (bad_data, with file, key and shapes): an update of a tensor that the base
  // has not or has in another shape, of another rank than the configuration's, half an update, a key that is
  // not PEFT's.
  Adapter(const std::filesystem::path& folder, const AdapterConfig& config, const Tensors& base);

  const AdapterConfig& config() const { return config_; }
  const SafetensorsFile& file() const { return file_; }
  // Tensors that stand whole in the adapter, in the place of the base's.
  const Tensors& whole() const { return whole_; }
  // What is to be added to the base's tensor of this name.
  struct Update {
    const TensorEntry *a, *b;  // [rank, in], [out, rank]
  };
  const std::map<std::string, Update>& updates() const { return updates_; }
  // weight, as the base has it, += scale * B A.
  void add_update(const Update& update, std::span<float> weight) const;

 private:
  AdapterConfig config_;
  SafetensorsFile file_;
  Tensors whole_;
  std::map<std::string, Update> updates_;

  void check(const Update& update, const std::string& name, const TensorEntry* weight) const;
};

}  // namespace limner
