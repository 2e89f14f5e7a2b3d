#include "model/checkpoint.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>

#include "model/head_record.h"
#include "model/model.h"
#include "model/weight_files.h"

namespace limner {
namespace {

constexpr const char* head_prefix = "heads.";

// One tensor of the file: a range of the flat buffer.
struct FilePart {
  std::string name;
  int64_t offset;
  std::vector<int64_t> dims;  // as it lies here
  Storage storage;
  size_t elements() const {
    size_t product = 1;
    for (const int64_t dim : dims) product *= static_cast<size_t>(dim);
    return product;
  }
  std::vector<int64_t> file_dims() const {
    return storage == Storage::transposed ? std::vector<int64_t>{dims[1], dims[0]} : dims;
  }
};

bool may_be_missing(Role role) {
  return role == Role::pooler || role == Role::projection || role == Role::language;
}

// The tensors that hold one parameter. `prefix` stands before the encoder's; one head, `classifier`, has the
// family's own name.
std::vector<FilePart> file_parts(const ParamSpec& spec, const Family& family, const std::string& prefix,
                                 const std::string& classifier) {
  const std::string classifier_prefix = head_prefix + classifier + ".";
  if (!classifier.empty() && spec.role == Role::head && spec.name.starts_with(classifier_prefix)) {
    const std::string name = family.head.output + ("." + spec.name.substr(classifier_prefix.size()));
    return {{name, spec.offset, spec.dims, spec.storage}};
  }
  const bool prefixed = spec.role == Role::encoder || spec.role == Role::pooler;
  const std::string start = prefixed ? prefix : "";
  if (spec.parts.empty()) return {{start + spec.name, spec.offset, spec.dims, spec.storage}};
  std::vector<FilePart> parts;
  int64_t offset = spec.offset;
  for (const ParamSpec::Part& part : spec.parts) {
    std::vector<int64_t> dims = spec.dims;
    dims[0] = part.rows;
    parts.push_back({start + part.name, offset, dims, spec.storage});
    offset += static_cast<int64_t>(parts.back().elements());
  }
  return parts;
}

// to [columns, rows] = from [rows, columns], transposed.
std::vector<float> transposed(std::span<const float> from, int64_t rows, int64_t columns) {
  std::vector<float> to(from.size());
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t column = 0; column < columns; ++column) {
      to[static_cast<size_t>(column * rows + row)] = from[static_cast<size_t>(row * columns + column)];
    }
  }
  return to;
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

void read_part(const WeightFiles& files, const std::string& name, const FilePart& part,
               std::span<float> weights) {
  check_shape(files, name, part);
  const std::span<float> to = weights.subspan(static_cast<size_t>(part.offset), part.elements());
  files.read(name, to);
  if (part.storage != Storage::transposed) return;
  const std::vector<float> turned = transposed(to, part.dims[1], part.dims[0]);
  std::copy(turned.begin(), turned.end(), to.begin());
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

// "heads.spend.weight" -> "spend"
std::string head_of(const ParamSpec& spec) {
  const size_t start = std::string(head_prefix).size();
  return spec.name.substr(start, spec.name.rfind('.') - start);
}

// A regression head computes z, and target = mean + scale * z. In the file it computes the target itself or,
// without a bias to hold the mean, the distance from it.
enum class Unit : uint8_t { standardized, target };
void convert_regressions(const ParameterTable& table, const std::vector<HeadSpec>& heads,
                         std::span<float> weights, Unit to) {
  for (const HeadSpec& head : heads) {
    if (head.kind != "regression") continue;
    const double factor = to == Unit::target ? head.target_scale : 1.0 / head.target_scale;
    const double shift = to == Unit::target ? head.target_mean : -head.target_mean / head.target_scale;
    const auto convert = [&](const char* part, double added) {
      if (!table.has(head_prefix + head.name + part)) return;
      const ParamSpec& spec = table.find(head_prefix + head.name + part);
      for (float& value :
           weights.subspan(static_cast<size_t>(spec.offset), static_cast<size_t>(spec.elements()))) {
        value = static_cast<float>(factor * static_cast<double>(value) + added);
      }
    };
    convert(".weight", 0.0);
    convert(".bias", shift);
  }
}

}  // namespace

std::vector<std::string> read_weights(const std::filesystem::path& folder, const ParameterTable& table,
                                      const Family& family, const std::vector<HeadSpec>& heads,
                                      HeadInput head_input, std::span<float> weights) {
  const WeightFiles files(folder);
  HeadInput recorded_input = head_input;
  const std::vector<HeadSpec> recorded = read_heads(folder, recorded_input);
  const std::set<std::string> shared = shared_heads(folder, heads, head_input, recorded, recorded_input);
  const std::string prefix = find_prefix(files, family, folder);
  const std::string classifier = classifier_head(family, recorded, recorded_input);

  std::vector<std::string> missing;
  std::set<std::string> used;
  for (const ParamSpec& spec : table.all()) {
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
      read_part(files, *name, part, weights);
      used.insert(*name);
    }
  }
  refuse_strangers(files, used, family, prefix);

  std::vector<HeadSpec> read_here;
  std::copy_if(heads.begin(), heads.end(), std::back_inserter(read_here),
               [&](const HeadSpec& head) { return shared.contains(head.name); });
  convert_regressions(table, read_here, weights, Unit::standardized);
  return missing;
}

void write_weights(const std::filesystem::path& folder, const ParameterTable& table, const Family& family,
                   const std::vector<HeadSpec>& heads, HeadInput head_input, std::vector<float> weights) {
  convert_regressions(table, heads, weights, Unit::target);
  const std::string classifier = classifier_head(family, heads, head_input);
  const bool language = std::any_of(table.all().begin(), table.all().end(),
                                    [](const ParamSpec& spec) { return spec.role == Role::language; });
  const std::string prefix = classifier.empty() && !language ? "" : family.names.prefix;
  std::vector<NamedTensor> tensors;
  for (const ParamSpec& spec : table.all()) {
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
  write_safetensors(folder / "model.safetensors", tensors);
}

void save_model(Model& model, const std::filesystem::path& folder, Pooling pooling, bool normalize,
                int64_t max_length) {
  save_model(model, model.download_weights(), folder, pooling, normalize, max_length);
}

void save_model(const Model& model, std::vector<float> weights, const std::filesystem::path& folder,
                Pooling pooling, bool normalize, int64_t max_length) {
  Json config = model.config().to_json();
  const Family& family = family_named(model.config().family);
  record_heads(config, family, model.heads(), model.head_input(), model.config().has_language_head());
  write_json(folder / "config.json", config);
  write_weights(folder, model.parameters(), family, model.heads(), model.head_input(), std::move(weights));
  SentenceConfig{true, pooling, normalize, max_length}.write(folder, model.config().hidden);
}

std::string checkpoint_sha256(const std::filesystem::path& folder) {
  std::string listing;
  const auto add = [&](const std::filesystem::path& path) {
    listing += fmt::format("{} {}\n", sha256_file(path), path.filename().string());
  };
  add(folder / "config.json");
  const WeightFiles files(folder);
  for (const std::filesystem::path& path : files.paths()) add(path);
  return sha256(listing);
}

}  // namespace limner
