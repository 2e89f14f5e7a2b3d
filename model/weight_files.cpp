#include "model/weight_files.h"

#include <set>

namespace limner {
namespace {

constexpr const char* single_name = "model.safetensors";
constexpr const char* index_name = "model.safetensors.index.json";

[[noreturn]] void fail_without_weights(const fs::path& folder) {
  for (const char* pickled : {"pytorch_model.bin", "pytorch_model.bin.index.json"}) {
    if (!fs::exists(folder / pickled)) continue;
    fail(ExitCode::bad_data,
         "{}: pickled weights can run code and are never opened; convert them once, in Python: "
         "AutoModel.from_pretrained(FOLDER).save_pretrained(FOLDER)",
         (folder / pickled).string());
  }
  fail(ExitCode::missing_input, "{}: neither {} nor {} is there", folder.string(), single_name, index_name);
}

// Tensor -> file name, as the index says.
std::map<std::string, std::string> read_weight_map(const fs::path& index) {
  const Json json = read_json(index);
  if (!json.is_object() || !json.contains("weight_map") || !json["weight_map"].is_object()) {
    fail(ExitCode::bad_data, "{}: weight_map is missing", index.string());
  }
  std::map<std::string, std::string> map;
  for (const auto& [tensor, file] : json["weight_map"].items()) {
    const std::string name = file.is_string() ? file.get<std::string>() : "";
    constexpr size_t longest_name = 255;  // bytes
    if (name.empty() || name == "." || name == ".." || name.size() > longest_name ||
        name.find_first_of("/\\") != std::string::npos) {
      fail(ExitCode::bad_data, "{}: tensor '{}' lies in {}, which is not a file name in this folder",
           index.string(), tensor, file.dump());
    }
    map[tensor] = name;
  }
  return map;
}

}  // namespace

bool WeightFiles::present(const std::filesystem::path& folder) {
  if (AdapterConfig::present(folder)) return true;
  return fs::exists(folder / single_name) || fs::exists(folder / index_name);
}

WeightFiles::WeightFiles(const std::filesystem::path& folder) {
  if (!AdapterConfig::present(folder)) {
    add_folder(folder);
    return;
  }
  const AdapterConfig config = AdapterConfig::read(folder);
  paths_ = {folder / adapter_config_name, folder / adapter_file_name};
  add_folder(config.base);
  add_adapter(folder, config);
}

void WeightFiles::add_adapter(const std::filesystem::path& folder, const AdapterConfig& config) {
  Adapter::Tensors base;
  for (const auto& [name, where] : places_) base[name] = where.entry;
  adapter_ = std::make_unique<Adapter>(folder, config, base);
  for (const auto& [name, entry] : adapter_->whole()) places_[name] = {&adapter_->file(), entry};
}

void WeightFiles::add_folder(const std::filesystem::path& folder) {
  if (fs::exists(folder / single_name)) {
    add(folder / single_name);
  } else if (fs::exists(folder / index_name)) {
    add_shards(folder / index_name);
  } else {
    fail_without_weights(folder);
  }
}

void WeightFiles::add(const std::filesystem::path& path) {
  files_.push_back(std::make_unique<SafetensorsFile>(path));
  paths_.push_back(path);
  const SafetensorsFile& file = *files_.back();
  for (const TensorEntry& entry : file.entries()) {
    const auto [other, added] = places_.emplace(entry.name, Place{&file, &entry});
    if (!added) {
      fail(ExitCode::bad_data, "{}: tensor '{}' lies in {} as well", path.string(), entry.name,
           other->second.file->path().filename().string());
    }
  }
}

void WeightFiles::add_shards(const std::filesystem::path& index) {
  const auto weight_map = read_weight_map(index);
  paths_.push_back(index);
  std::set<std::string> file_names;
  for (const auto& [tensor, file] : weight_map) file_names.insert(file);
  for (const std::string& file : file_names) add(index.parent_path() / file);
  for (const auto& [tensor, file] : weight_map) {
    if (!has(tensor) || file_of(tensor).filename() != file) {
      fail(ExitCode::bad_data, "{}: tensor '{}' is not in {} as it says", index.string(), tensor, file);
    }
  }
  for (const auto& [tensor, where] : places_) {
    if (weight_map.contains(tensor)) continue;
    fail(ExitCode::bad_data, "{}: tensor '{}' of {} is not listed", index.string(), tensor,
         where.file->path().filename().string());
  }
}

std::vector<std::string> WeightFiles::names() const {
  std::vector<std::string> names;
  for (const auto& [name, where] : places_) names.push_back(name);
  return names;
}

const WeightFiles::Place& WeightFiles::place(const std::string& name) const {
  const auto found = places_.find(name);
  require(found != places_.end(), "tensor '{}' is not in the checkpoint", name);
  return found->second;
}

const TensorEntry& WeightFiles::entry(const std::string& name) const { return *place(name).entry; }

const std::filesystem::path& WeightFiles::file_of(const std::string& name) const {
  return place(name).file->path();
}

void WeightFiles::read(const std::string& name, std::span<float> out, Updates updates) const {
  const Place& where = place(name);
  where.file->read(*where.entry, out);
  if (adapter_ == nullptr || updates == Updates::left_out) return;
  const auto update = adapter_->updates().find(name);
  if (update != adapter_->updates().end()) adapter_->add_update(update->second, out);
}

}  // namespace limner
