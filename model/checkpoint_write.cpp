#include <algorithm>

#include "model/adapter.h"
#include "model/checkpoint.h"
#include "model/file_parts.h"
#include "model/head_record.h"
#include "model/model.h"

namespace limner {
namespace {

// In the order of the table, as they lie in the file; `weights` becomes that.
std::vector<NamedTensor> file_tensors(const ParameterTable& table, const Family& family,
                                      const std::vector<HeadSpec>& heads, const std::string& prefix,
                                      const std::string& classifier, std::span<float> weights) {
  std::vector<NamedTensor> tensors;
  for (const ParamSpec& spec : table.all()) {
    if (spec.offset >= static_cast<int64_t>(weights.size())) break;
    convert_regression(
        spec, heads, weights.subspan(static_cast<size_t>(spec.offset), static_cast<size_t>(spec.elements())),
        Unit::target);
    for (const FilePart& part : file_parts(spec, family, prefix, classifier)) {
      float* const start = weights.data() + part.offset;
      if (part.storage == Storage::transposed) {
        const std::vector<float> turned = transposed({start, part.elements()}, part.dims[0], part.dims[1]);
        std::copy(turned.begin(), turned.end(), start);
      }
      const std::vector<int64_t> dims = part.file_dims();
      tensors.push_back({part.name, dims.size() == 1 ? Tensor(start, DType::f32, {dims[0]})
                                                     : Tensor(start, DType::f32, {dims[0], dims[1]})});
    }
  }
  return tensors;
}

// The modules of the family's classifier, by the first part of their names, as PEFT finds them.
std::vector<std::string> classifier_modules(const Family& family) {
  std::vector<std::string> modules;
  for (const char* name : {family.head.projection, family.head.output}) {
    if (name == nullptr) continue;
    const std::string text = name;
    modules.push_back(text.substr(0, text.find('.')));
  }
  if (modules.size() == 2 && modules[0] == modules[1]) modules.pop_back();
  return modules;
}

// PEFT's own all-linear takes more than the blocks.
std::vector<std::string> written_targets(const ModelConfig& config) {
  const std::vector<std::string>& targets = config.lora.targets;
  if (std::find(targets.begin(), targets.end(), "all-linear") == targets.end()) return targets;
  std::vector<std::string> names;
  const size_t start = block_prefix(family_named(config.family), 0).size();
  for (const BlockLinear linear : block_linears) {
    for (const LinearModule& module : linear_modules(config, 0, linear))
      names.push_back(module.name.substr(start));
  }
  return names;
}

}  // namespace

void write_weights(const std::filesystem::path& folder, const ParameterTable& table, const Family& family,
                   const std::vector<HeadSpec>& heads, HeadInput head_input, bool language_head,
                   std::vector<float> weights) {
  const std::string classifier = classifier_head(family, heads, head_input);
  const std::string prefix = classifier.empty() && !language_head ? "" : family.names.prefix;
  write_safetensors(folder / "model.safetensors",
                    file_tensors(table, family, heads, prefix, classifier, weights));
}

void write_adapter(const std::filesystem::path& folder, const ParameterTable& table,
                   const ModelConfig& config, const std::vector<HeadSpec>& heads, HeadInput head_input,
                   std::vector<float> weights) {
  const Family& family = family_named(config.family);
  const std::string classifier = classifier_head(family, heads, head_input);
  const std::string prefix = classifier.empty() ? "" : family.names.prefix;
  const auto trained = std::span(weights).first(static_cast<size_t>(table.trained_elements()));
  std::vector<NamedTensor> tensors = file_tensors(table, family, heads, prefix, classifier, trained);
  for (NamedTensor& tensor : tensors) tensor.name = adapter_key_prefix + tensor.name;
  write_safetensors(folder / adapter_file_name, tensors, {{adapter_base_key, config.lora.base_sha256}});

  AdapterConfig adapter;
  adapter.base = config.lora.base;
  adapter.task_type = classifier.empty() ? "FEATURE_EXTRACTION" : "SEQ_CLS";
  adapter.rank = config.lora.rank;
  adapter.alpha = config.lora.alpha;
  adapter.dropout = static_cast<double>(config.lora.dropout);
  adapter.targets = written_targets(config);
  if (!classifier.empty()) adapter.saved_modules = classifier_modules(family);
  adapter.transposed = family.names.transposed;
  adapter.write(folder);
}

void save_model(Model& model, const std::filesystem::path& folder, const SentenceConfig& sentence) {
  const bool adapter = model.config().lora.active();
  save_model(model, model.download(adapter ? model.trained_weights() : model.weights()), folder, sentence);
}

void save_model(const Model& model, std::vector<float> weights, const std::filesystem::path& folder,
                const SentenceConfig& sentence) {
  Json config = model.config().to_json();
  const Family& family = family_named(model.config().family);
  record_heads(config, family, model.heads(), model.head_input(), model.config().has_language_head());
  write_json(folder / "config.json", config);
  if (model.config().lora.active()) {
    write_adapter(folder, model.parameters(), model.config(), model.heads(), model.head_input(),
                  std::move(weights));
  } else {
    write_weights(folder, model.parameters(), family, model.heads(), model.head_input(),
                  model.config().has_language_head(), std::move(weights));
  }
  sentence.write(folder, model.config().hidden);
}

}  // namespace limner
