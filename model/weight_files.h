// The weights of a checkpoint folder: model.safetensors, or model.safetensors.index.json with its shards.
// Those of an adapter are its base's, with the tensors that stand whole in the adapter in their place and the
// updates added.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "model/adapter.h"
#include "model/safetensors.h"

namespace limner {

class WeightFiles {
 public:
  static bool present(const std::filesystem::path& folder);
  // Errors: no weights (missing_input; pickled ones are never opened, the message says how to convert them),
  // a shard that is missing, lies elsewhere or lacks a tensor the index promises, a tensor in two shards;
  // what AdapterConfig and Adapter refuse.
  explicit WeightFiles(const std::filesystem::path& folder);

  bool has(const std::string& name) const { return places_.contains(name); }
  std::vector<std::string> names() const;  // sorted
  const TensorEntry& entry(const std::string& name) const;
  const std::filesystem::path& file_of(const std::string& name) const;
  enum class Updates : uint8_t { added, left_out };
  void read(const std::string& name, std::span<float> out, Updates updates = Updates::added) const;  // as f32
  // All files; first an adapter's, then the index, if there are any.
  const std::vector<std::filesystem::path>& paths() const { return paths_; }
  const Adapter* adapter() const { return adapter_.get(); }  // nullptr: the folder is none

 private:
  struct Place {
    const SafetensorsFile* file;
    const TensorEntry* entry;
  };
  std::vector<std::filesystem::path> paths_;
  std::vector<std::unique_ptr<SafetensorsFile>> files_;
  std::map<std::string, Place> places_;
  std::unique_ptr<Adapter> adapter_;

  void add_folder(const std::filesystem::path& folder);
  void add_adapter(const std::filesystem::path& folder, const AdapterConfig& config);
  void add(const std::filesystem::path& path);
  void add_shards(const std::filesystem::path& index);
  const Place& place(const std::string& name) const;
};

}  // namespace limner
