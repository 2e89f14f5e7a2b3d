#include "tests/parity/probe.h"

#include <cmath>

#include "model/adapter_config.h"
#include "model/checkpoint.h"
#include "model/safetensors.h"

namespace limner::parity {

void Results::add(const std::string& name, const std::vector<int64_t>& dims, std::vector<float> values) {
  entries_[name] = {dims, std::move(values)};
}

void Results::add(const std::string& name, const Tensor& tensor) {
  const float* const first = tensor.as<float>();
  add(name, {tensor.dims.begin(), tensor.dims.begin() + tensor.rank}, {first, first + tensor.elements()});
}

void Results::add_parameters(const std::string& prefix, Model& model, const std::vector<float>& flat,
                             const fs::path& folder) {
  const fs::path scratch = folder / "parameters";
  make_folder(scratch);
  const bool updates = model.config().lora.active();
  if (updates) {
    write_adapter(scratch, model.parameters(), model.config(), model.heads(), model.head_input(), flat);
  } else {
    write_weights(scratch, model.parameters(), family_named(model.config().family), model.heads(),
                  model.head_input(), model.config().has_language_head(), flat);
  }
  const fs::path path = scratch / (updates ? "adapter_model.safetensors" : "model.safetensors");
  const SafetensorsFile file(path);
  for (const TensorEntry& entry : file.entries()) {
    std::vector<float> values(static_cast<size_t>(entry.elements()));
    file.read(entry, values);
    add(prefix + entry.name, entry.dims, std::move(values));
  }
  fs::remove_all(scratch);
}

void Results::erase(const std::string& start) {
  std::erase_if(entries_, [&](const auto& entry) { return entry.first.starts_with(start); });
}

void Results::write(const fs::path& path) {
  std::vector<NamedTensor> tensors;
  for (auto& [name, entry] : entries_) {
    auto& [dims, values] = entry;
    tensors.push_back({name, dims.size() == 1 ? Tensor(values.data(), DType::f32, {dims[0]})
                                              : Tensor(values.data(), DType::f32, {dims[0], dims[1]})});
  }
  write_safetensors(path, tensors);
}

Batch read_batch(const Json& json) {
  Batch batch;
  batch.cu_lengths.push_back(0);
  for (size_t row = 0; row < json.at("rows").size(); ++row) {
    const auto ids = json["rows"][row].get<std::vector<int32_t>>();
    const auto segments = json.contains("segments") ? json["segments"][row].get<std::vector<int32_t>>()
                                                    : std::vector<int32_t>(ids.size());
    require(segments.size() == ids.size(), "row {}: {} segments for {} ids", row, segments.size(),
            ids.size());
    for (size_t position = 0; position < ids.size(); ++position) {
      batch.ids.push_back(ids[position]);
      batch.segments.push_back(segments[position]);
      batch.positions.push_back(static_cast<int32_t>(position));
    }
    if (json.contains("targets")) {
      for (const Json& target : json["targets"][row]) {
        batch.target_places.push_back(batch.cu_lengths.back() + target.at(0).get<int32_t>());
        batch.target_ids.push_back(target.at(1).get<int32_t>());
      }
    }
    batch.cu_lengths.push_back(static_cast<int32_t>(batch.ids.size()));
    batch.rows.push_back(static_cast<int64_t>(row));
    batch.max_length = std::max(batch.max_length, static_cast<int32_t>(ids.size()));
  }
  return batch;
}

HeadLabels read_labels(const HeadSpec& head, const Json& labels) {
  HeadLabels result;
  for (const Json& label : labels) {
    if (head.kind == "single_label") {
      result.classes.push_back(label.is_null() ? -1 : label.get<int32_t>());
    } else if (label.is_null()) {
      result.targets.insert(result.targets.end(), static_cast<size_t>(head.outputs()), std::nanf(""));
    } else if (label.is_array()) {
      for (const Json& target : label) result.targets.push_back(target.get<float>());
    } else {
      result.targets.push_back(label.get<float>());
    }
  }
  return result;
}

Lora lora_of(const fs::path& adapter) {
  const AdapterConfig from = AdapterConfig::read(adapter);
  Lora lora;
  lora.rank = from.rank;
  lora.alpha = from.alpha;
  lora.targets = from.targets;
  lora.base = from.base;
  lora.base_sha256 = checkpoint_sha256(from.base);
  return lora;
}

Model load_model(Backend& backend, const fs::path& checkpoint, const Json& input) {
  HeadInput head_input = HeadInput::mean;
  std::vector<HeadSpec> heads = read_heads(checkpoint, head_input);
  const std::string kind = input.at("kind").get<std::string>();
  ModelConfig config = ModelConfig::read(checkpoint);
  if (kind == config.language_objective()) config.language_weight = 1.0;
  if (input.value("lora", false)) config.lora = lora_of(checkpoint);
  const bool bare = kind == "none" || config.has_language_head();
  if (bare) heads.clear();
  require(bare || (heads.size() == 1 && heads[0].kind == kind), "{}: one head of kind {} is wanted",
          checkpoint.string(), kind);
  if (input.contains("class_weights"))
    heads[0].class_weight = input["class_weights"].get<std::vector<float>>();
  if (input.contains("label_smoothing")) {
    heads[0].label_use.label_smoothing = input["label_smoothing"].get<float>();
  }
  Model model(backend, config, heads, head_input, DType::f32);
  const auto missing = model.load(checkpoint);
  require(missing.empty(), "{}: not in the checkpoint: {}", checkpoint.string(), fmt::join(missing, ", "));
  return model;
}

}  // namespace limner::parity
