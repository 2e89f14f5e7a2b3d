// limner inspect: describes any artefact, without texts or identifiers of customers.
#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "cli/artefact.h"
#include "cli/command.h"
#include "extract/shards.h"
#include "model/model.h"
#include "model/weight_files.h"
#include "runtime/error.h"
#include "runtime/files.h"
#include "runtime/hdf5.h"
#include "tables/prepared.h"
#include "text/tokenizer.h"

namespace limner {
namespace {

void inspect_adapter(const fs::path& folder) {
  const AdapterConfig config = AdapterConfig::read(folder);
  const WeightFiles files(folder);
  const Adapter& adapter = *files.adapter();
  int64_t elements = 0;
  for (const TensorEntry& entry : adapter.file().entries()) elements += entry.elements();
  fmt::print("  base        {}\n", config.base.string());
  fmt::print("  updates     rank {}, scaled by {}, of {} linear layers: {}\n", config.rank, config.scale,
             adapter.updates().size(), fmt::join(config.targets, ", "));
  fmt::print("  holds       {} parameters, {} tensors of them whole\n", elements, adapter.whole().size());
}

void inspect_checkpoint(const fs::path& folder) {
  const ModelConfig config = ModelConfig::read(folder);
  HeadInput input = HeadInput::pooler;
  const std::vector<HeadSpec> heads = read_heads(folder, input);
  const ParameterTable parameters(config, heads, input);
  const bool adapter = AdapterConfig::present(folder);
  fmt::print("{} {}\n", adapter ? "adapter" : "checkpoint", folder.string());
  if (adapter) inspect_adapter(folder);
  const AttentionShape attention = config.attention(0, {});
  fmt::print("  family      {}: {} layers, width {}, {} heads of {}, inner {}\n", config.family,
             config.layers, config.hidden, config.heads, attention.head_size, config.inner);
  fmt::print(
      "  attention   {}, {} key heads, {} of the layers through a window, {} positions\n",
      config.masking == Masking::causal ? "each token sees those before it" : "all tokens see each other",
      attention.key_head_count(),
      std::count_if(config.windows.begin(), config.windows.end(), [](int64_t window) { return window > 0; }),
      config.ropes.empty() ? "learned" : "rotary");
  fmt::print("  vocabulary  {}, {} positions\n  parameters  {}\n", config.vocabulary, config.max_positions,
             parameters.parameter_count());
  const SentenceConfig sentence = SentenceConfig::read(folder);
  if (sentence.present) {
    static constexpr const char* names[] = {"mean", "cls", "max", "last", "weighted_mean"};
    fmt::print("  sentence    {} pooling, {}, {} tokens\n", names[static_cast<int>(sentence.pooling)],
               sentence.normalize ? "normalised" : "not normalised",
               sentence.max_length == 0 ? std::string("all") : std::to_string(sentence.max_length));
    for (const DenseLayer& layer : sentence.layers)
      fmt::print("  dense       {} to {}\n", layer.in, layer.out);
    for (const auto& [name, words] : sentence.prompts)
      fmt::print("  prompt      {}{}: '{}'\n", name, name == sentence.default_prompt ? " (default)" : "",
                 words);
  }
  for (const HeadSpec& head : heads)
    fmt::print("  head        {} ({}, field {}): {}\n", head.name, head.kind, head.field,
               fmt::join(head.classes, ", "));
  fmt::print("  sha256      {}\n", checkpoint_sha256(folder));
}

void inspect_prepared(const fs::path& path) {
  const fs::path file = fs::is_directory(path) ? path / "prepared.h5" : path;
  const PreparedReader prepared(file);
  fmt::print("prepared set {}\n  rows        {}\n  customers   {}\n", file.string(), prepared.rows(),
             prepared.customers());
  std::array<int64_t, 3> parts{};
  for (const Split split : prepared.split(0, prepared.rows())) parts[static_cast<size_t>(split)]++;
  fmt::print("  split       {} train, {} validation, {} test\n", parts[0], parts[1], parts[2]);
  for (const Field& field : prepared.fields()) {
    const char* type = field.type == FieldType::number     ? "number"
                       : field.type == FieldType::category ? "category"
                                                           : "multi_category";
    fmt::print("  field       {}: {} of a {}", field.name, type, field.of_customer ? "customer" : "row");
    if (field.type != FieldType::number) fmt::print(", {} categories", field.categories.size());
    fmt::print("\n");
  }
}

void inspect_embeddings(const fs::path& folder) {
  const EmbeddingsReader reader(folder, EmbeddingsReader::Verify::sizes);
  const ShardProvenance& from = reader.provenance();
  fmt::print("embeddings {}\n  rows        {}\n  width       {} {}\n  pooling     {}{}\n", folder.string(),
             from.rows, from.width, from.dtype, from.pooling, from.normalize ? ", normalised" : "");
  if (from.full_width > 0) fmt::print("  cut from    {}\n", from.full_width);
  if (!from.prompt.empty()) fmt::print("  prompt      '{}'\n", from.prompt);
  for (const HeadOutput& head : from.heads)
    fmt::print("  prediction  {} ({}): {}\n", head.name, head.kind, fmt::join(head.classes, ", "));
  fmt::print("  model       {}\n  tokenizer   {}\n  settings    {}\n  prepared    {}\n", from.model_sha256,
             from.tokenizer_sha256, from.settings_sha256, from.prepared_sha256);
}

void inspect_hdf5(const fs::path& file) {
  const hdf5::Reader reader(file);
  fmt::print("{}\n", file.string());
  for (const std::string& name : reader.names("/")) fmt::print("  /{}\n", name);
}

void inspect_tokenizer(const fs::path& path) {
  const Tokenizer tokenizer = Tokenizer::load(fs::is_directory(path) ? path : path.parent_path());
  fmt::print("tokenizer {}\n  kind        {}\n  vocabulary  {}\n  sha256      {}\n", path.string(),
             tokenizer.kind(), tokenizer.vocabulary_size(), tokenizer.sha256());
}

void inspect_run(const fs::path& folder) {
  fmt::print("run {}\n", folder.string());
  if (fs::exists(folder / "run.json")) {
    const Json stages = read_json(folder / "run.json");
    fmt::print("{}\n", stages.dump(2));
  }
  if (fs::exists(folder / "prepared" / "prepared.h5")) inspect_prepared(folder / "prepared");
  if (fs::exists(folder / "checkpoints" / "best")) inspect_checkpoint(folder / "checkpoints" / "best");
  if (fs::exists(folder / "embeddings" / "manifest.json")) inspect_embeddings(folder / "embeddings");
  if (fs::exists(folder / "profile" / "profiles.h5")) inspect_hdf5(folder / "profile" / "profiles.h5");
}

}  // namespace

int inspect_command(const Arguments& arguments, Communicator& communicator) {
  if (arguments.positional.size() != 1)
    fail(ExitCode::usage, "inspect wants one path. Usage: {}", command_named("inspect").usage);
  if (!communicator.root()) return 0;
  const fs::path path = arguments.positional.front();
  switch (artefact_at(path)) {
    case Artefact::run:
      inspect_run(path);
      break;
    case Artefact::prepared:
      inspect_prepared(path);
      break;
    case Artefact::checkpoint:
      inspect_checkpoint(path);
      break;
    case Artefact::tokenizer:
      inspect_tokenizer(path);
      break;
    case Artefact::embeddings:
      inspect_embeddings(path);
      break;
    case Artefact::shard:
      inspect_hdf5(path);
      break;
    case Artefact::profile:
      inspect_hdf5(path / "profiles.h5");
      break;
  }
  return 0;
}

}  // namespace limner
