#include "model/checkpoint.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>

#include "model/adapter.h"
#include "model/file_parts.h"
#include "model/head_record.h"
#include "model/model.h"
#include "model/weight_files.h"

namespace limner {
namespace {

bool may_be_missing(Role role) {
  return role == Role::pooler || role == Role::projection || role == Role::language;
}

// The name a tensor has in the file: its own, or the one that checkpoints converted from TensorFlow have.
std::optional<std::string> find_tensor(const WeightFiles& files, const std::string& name) {
  if (files.has(name)) return name;
  for (const auto& [now, before] :
       {std::pair("LayerNorm.weight", "LayerNorm.gamma"), std::pair("LayerNorm.bias", "LayerNorm.beta")}) {
    if (!name.ends_with(now)) continue;
    const std::string legacy = name.substr(0, name.size() - std::string(now).size()) + before;
    if (files.has(legacy)) return legacy;
  }
  return std::nullopt;
}

std::string find_prefix(const WeightFiles& files, const Family& family, const std::filesystem::path& folder) {
  const std::string table = family.names.word + std::string(".weight");
  if (files.has(family.names.prefix + table)) return family.names.prefix;
  if (files.has(table)) return "";
  fail(ExitCode::bad_data, "{}: the weights have no tensor '{}', with or without '{}' before it",
       folder.string(), table, family.names.prefix);
}

// Tensors that a folder may hold beside what this model has: buffers and other tasks' heads. Any other would
// change what the model computes.
bool may_be_left(const std::string& name, const Family& family, const std::string& prefix) {
  const auto starts = [&](const char* start) { return name.starts_with(start); };
  if (starts(head_prefix) || std::any_of(family.others.begin(), family.others.end(), starts)) return true;
  if (!name.starts_with(prefix)) return false;
  const std::string inner = name.substr(prefix.size());
  static const std::array<const char*, 5> buffers{"position_ids", "token_type_ids", ".attn.bias",
                                                  ".attn.masked_bias", ".rotary_emb.inv_freq"};
  const auto ends = [&](const char* end) { return inner.ends_with(end); };
  return std::any_of(buffers.begin(), buffers.end(), ends) || inner.starts_with("pooler.dense.");
}

void refuse_strangers(const WeightFiles& files, const std::set<std::string>& used, const Family& family,
                      const std::string& prefix) {
  for (const std::string& name : files.names()) {
    if (used.contains(name) || may_be_left(name, family, prefix)) continue;
    fail(ExitCode::bad_data, "{}: tensor '{}' has no place in the model that config.json describes",
         files.file_of(name).string(), name);
  }
}

void check_shape(const WeightFiles& files, const std::string& name, const FilePart& part) {
  const std::vector<int64_t>& found = files.entry(name).dims;
  if (found == part.file_dims()) return;
  fail(ExitCode::bad_data, "{}: tensor '{}' has the shape {}, the model wants {}",
       files.file_of(name).string(), name, shape_text(found), shape_text(part.file_dims()));
}

std::vector<float> read_part(const WeightFiles& files, const std::string& name, const FilePart& part,
                             WeightFiles::Updates updates) {
  check_shape(files, name, part);
  std::vector<float> values(part.elements());
  files.read(name, values, updates);
  return part.storage == Storage::transposed ? transposed(values, part.dims[1], part.dims[0]) : values;
}

// The heads of the folder that this model has too, by name. A head that means something else is refused.
std::set<std::string> shared_heads(const std::filesystem::path& folder, const std::vector<HeadSpec>& heads,
                                   HeadInput head_input, const std::vector<HeadSpec>& recorded,
                                   HeadInput recorded_input) {
  std::set<std::string> shared;
  for (const HeadSpec& head : heads) {
    const auto same =
        std::find_if(recorded.begin(), recorded.end(), [&](const auto& r) { return r.name == head.name; });
    if (same == recorded.end()) continue;
    const char* advice = "give the head another name to start it anew";
    if (same->kind != head.kind || same->classes != head.classes) {
      fail(ExitCode::bad_data, "{}: head '{}' there is {} of [{}], here {} of [{}]; {}", folder.string(),
           head.name, same->kind, fmt::join(same->classes, ", "), head.kind, fmt::join(head.classes, ", "),
           advice);
    }
    if (recorded_input != head_input) {
      fail(ExitCode::bad_data, "{}: head '{}' there reads {}, here {}; set train.pooling: {} or {}",
           folder.string(), head.name, head_input_name(recorded_input), head_input_name(head_input),
           head_input_name(recorded_input), advice);
    }
    shared.insert(head.name);
  }
  return shared;
}

// Low-rank updates that are trained further: the adapter must have them and no others, since what it holds
// beside them would be in no adapter that is written.
class ReadUpdates {
 public:
  ReadUpdates(const WeightFiles& files, const ParameterTable& table, const Lora& lora, std::string prefix)
      : table_(table), prefix_(std::move(prefix)), adapter_(lora.active() ? files.adapter() : nullptr) {
    if (adapter_ != nullptr && adapter_->config().scale != lora.scale()) {
      fail(ExitCode::bad_config, "{}: its updates are scaled by {}, train.lora.alpha / train.lora.rank is {}",
           adapter_->file().path().string(), adapter_->config().scale, lora.scale());
    }
  }

  // Nothing where the folder is no adapter: the update begins anew.
  void read(const ParamSpec& spec, const StoreWeights& store) const {
    if (adapter_ == nullptr) return;
    const size_t end = spec.name.rfind(".lora_");
    const auto update = adapter_->updates().find(prefix_ + spec.name.substr(0, end) + ".weight");
    if (update == adapter_->updates().end()) {
      fail(ExitCode::bad_config, "{}: no key '{}', which train.lora.targets names",
           adapter_->file().path().string(), adapter_key_prefix + prefix_ + spec.name);
    }
    const TensorEntry& entry = spec.name.ends_with(".lora_A.weight") ? *update->second.a : *update->second.b;
    if (entry.dims != spec.dims) {
      fail(ExitCode::bad_config, "{}: key '{}' has the shape {}, train.lora.rank wants {}",
           adapter_->file().path().string(), entry.name, shape_text(entry.dims), shape_text(spec.dims));
    }
    std::vector<float> values(static_cast<size_t>(spec.elements()));
    adapter_->file().read(entry, values);
    store(spec.offset, values);
  }

  // How the base's tensor `name`, one of those that hold `spec`, is to be read.
  WeightFiles::Updates of(const ParamSpec& spec, const std::string& name) const {
    if (adapter_ == nullptr || spec.trained) return WeightFiles::Updates::added;
    const std::string module = name.substr(0, name.rfind('.'));
    const bool updated = adapter_->updates().contains(name);
    const bool here =
        module.starts_with(prefix_) && table_.has(module.substr(prefix_.size()) + ".lora_A.weight");
    if ((updated && !here) || adapter_->whole().contains(name)) {
      fail(ExitCode::bad_config,
           "{}: it changes '{}', which train.lora.targets leave as it is; train with the adapter's targets, "
           "or "
           "merge it first (limner merge)",
           adapter_->file().path().string(), name);
    }
    return WeightFiles::Updates::left_out;
  }

 private:
  const ParameterTable& table_;
  std::string prefix_;
  const Adapter* adapter_;
};

// An adapter that was trained here says on which weights.
void check_base(const WeightFiles& files) {
  if (files.adapter() == nullptr) return;
  const auto& metadata = files.adapter()->file().metadata();
  const auto recorded = metadata.find(adapter_base_key);
  if (recorded == metadata.end()) return;
  const std::string found = checkpoint_sha256(files.adapter()->config().base);
  if (found == recorded->second) return;
  fail(ExitCode::bad_data, "{}: trained on a base with the SHA-256 {}, but that of {} is {}",
       files.adapter()->file().path().string(), recorded->second, files.adapter()->config().base.string(),
       found);
}

}  // namespace

std::vector<std::string> read_weights(const std::filesystem::path& folder, const ParameterTable& table,
                                      const ModelConfig& config, const std::vector<HeadSpec>& heads,
                                      HeadInput head_input, const StoreWeights& store) {
  const Family& family = family_named(config.family);
  const WeightFiles files(folder);
  check_base(files);
  HeadInput recorded_input = head_input;
  const std::vector<HeadSpec> recorded = read_heads(folder, recorded_input);
  const std::set<std::string> shared = shared_heads(folder, heads, head_input, recorded, recorded_input);
  const std::string prefix = find_prefix(files, family, folder);
  const std::string classifier = classifier_head(family, recorded, recorded_input);
  const ReadUpdates updates(files, table, config.lora, prefix);

  std::vector<std::string> missing;
  std::set<std::string> used;
  for (const ParamSpec& spec : table.all()) {
    if (spec.role == Role::update) {
      updates.read(spec, store);
      continue;
    }
    if (spec.role == Role::head && !shared.contains(head_of(spec))) {
      missing.push_back(spec.name);
      continue;
    }
    for (const FilePart& part : file_parts(spec, family, prefix, classifier)) {
      const auto name = find_tensor(files, part.name);
      if (!name && may_be_missing(spec.role)) {
        missing.push_back(spec.name);
        continue;
      }
      if (!name) fail(ExitCode::bad_data, "{}: tensor '{}' is missing", folder.string(), part.name);
      std::vector<float> values = read_part(files, *name, part, updates.of(spec, *name));
      convert_regression(spec, heads, values, Unit::standardized);
      store(part.offset, values);
      used.insert(*name);
    }
  }
  refuse_strangers(files, used, family, prefix);
  return missing;
}

std::string checkpoint_sha256(const std::filesystem::path& folder) {
  std::string listing;
  const auto add = [&](const std::filesystem::path& path) {
    listing += fmt::format("{} {}\n", sha256_file(path), path.filename().string());
  };
  add(config_folder(folder) / "config.json");
  const WeightFiles files(folder);
  for (const std::filesystem::path& path : files.paths()) add(path);
  for (const DenseLayer& layer : SentenceConfig::read(folder).layers) {
    for (const std::vector<float>* values : {&layer.weight, &layer.bias}) {
      listing +=
          sha256({reinterpret_cast<const char*>(values->data()), values->size() * sizeof(float)}) + "\n";
    }
    listing += fmt::format("{} {}\n", static_cast<int>(layer.activation), layer.normalizes_first);
  }
  return sha256(listing);
}

}  // namespace limner
