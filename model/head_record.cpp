#include "model/head_record.h"

#include <algorithm>
#include <array>
#include <utility>

#include "model/adapter_config.h"
#include "model/config_reader.h"
#include "model/model.h"
#include "model/weight_files.h"

namespace limner {
namespace {

constexpr const char* record_key = "limner";
constexpr int64_t record_version = 1;

// Limner's name of a kind, Hugging Face's problem_type.
constexpr std::array<std::pair<const char*, const char*>, 3> kinds{{
    {"single_label", "single_label_classification"},
    {"multi_label", "multi_label_classification"},
    {"regression", "regression"},
}};

Json head_to_json(const HeadSpec& head, size_t position) {
  return {{"name", head.name},
          {"field", head.field},
          {"kind", head.kind},
          {"position", position},
          {"classes", head.classes},
          {"weight", head.weight},
          {"class_weight", head.class_weight},
          {"target_mean", head.target_mean},
          {"target_scale", head.target_scale}};
}

HeadSpec head_from_json(const ConfigReader& reader, const Json& json, size_t position) {
  HeadSpec head;
  try {
    head.name = json.at("name").get<std::string>();
    head.field = json.at("field").get<std::string>();
    head.kind = json.at("kind").get<std::string>();
    head.classes = json.at("classes").get<std::vector<std::string>>();
    head.weight = json.at("weight").get<double>();
    head.class_weight = json.at("class_weight").get<std::vector<float>>();
    head.target_mean = json.at("target_mean").get<double>();
    head.target_scale = json.at("target_scale").get<double>();
    if (json_integer(json.at("position")) != static_cast<int64_t>(position))
      reader.refuse(record_key, "heads are out of order");
  } catch (const Json::exception& error) {
    reader.refuse(record_key, fmt::format("head {} is not whole: {}", position, error.what()));
  }
  const auto is_kind = [&](const auto& kind) { return head.kind == kind.first; };
  if (std::none_of(kinds.begin(), kinds.end(), is_kind)) {
    reader.refuse(record_key, fmt::format("head '{}' has the unknown kind '{}'", head.name, head.kind));
  }
  return head;
}

std::vector<HeadSpec> heads_from_record(const ConfigReader& reader, HeadInput& head_input) {
  const Json record = reader.value(record_key);
  const auto has = [&](const char* key) { return record.is_object() && record.contains(key); };
  if (!has("format_version") || record["format_version"] != record_version) {
    reader.refuse(record_key, fmt::format("format_version {} is wanted", record_version));
  }
  if (!has("head_input") || !record["head_input"].is_string() || !has("heads") ||
      !record["heads"].is_array()) {
    reader.refuse(record_key, "head_input and heads are wanted");
  }
  head_input = parse_head_input(record["head_input"].get<std::string>());
  std::vector<HeadSpec> heads;
  for (const Json& head : record["heads"]) heads.push_back(head_from_json(reader, head, heads.size()));
  return heads;
}

// The names of id2label in the order of their numbers, which must be 0, 1, 2, …; empty: not said.
std::vector<std::string> read_labels(const ConfigReader& reader) {
  const Json labels = reader.value("id2label");
  if (labels.is_null()) return {};
  std::vector<std::string> classes;
  for (size_t index = 0; index < labels.size(); ++index) {
    const auto label = labels.is_object() ? labels.find(std::to_string(index)) : labels.end();
    if (label == labels.end() || !label->is_string()) {
      reader.refuse("id2label", "a name for each of 0, 1, 2, … is wanted");
    }
    classes.push_back(label->get<std::string>());
  }
  return classes;
}

// A plain Hugging Face classifier. Its config.json leaves out names and kind where they are the default.
std::vector<HeadSpec> head_of_classifier(const ConfigReader& reader, const Family& family,
                                         const std::filesystem::path& folder) {
  HeadSpec head;
  head.name = "classifier";
  head.field = "label";
  head.classes = read_labels(reader);
  const bool adapted = AdapterConfig::present(folder);  // then the labels are those of the base's classifier
  if (head.classes.empty() || adapted) {
    const WeightFiles files(folder);
    const std::string weight = std::string(family.head.output) + ".weight";
    if (!files.has(weight)) reader.refuse("architectures", "the weights have no " + weight);
    const std::vector<int64_t>& dims = files.entry(weight).dims;
    const int64_t outputs = dims.empty() ? 0 : dims[0];
    if (static_cast<int64_t>(head.classes.size()) != outputs) head.classes.clear();
    for (auto index = static_cast<int64_t>(head.classes.size()); index < outputs; ++index) {
      head.classes.push_back(fmt::format("LABEL_{}", index));
    }
  }
  const char* usual = head.classes.size() == 1 ? "regression" : "single_label_classification";
  const std::string type = reader.text("problem_type", usual);
  for (const auto& [kind, problem_type] : kinds) {
    if (type == problem_type) head.kind = kind;
  }
  if (head.kind.empty()) reader.refuse("problem_type", "it is not known");
  if (head.kind == "regression") {
    if (head.classes.size() != 1) reader.refuse("problem_type", "regression with one output is supported");
    head.classes.clear();
  }
  return {head};
}

// What Hugging Face's classifier of this family reads.
HeadInput classifier_input(const Family& family) {
  return family.head.projection == nullptr ? HeadInput::last : HeadInput::pooler;
}

}  // namespace

std::string classifier_head(const Family& family, const std::vector<HeadSpec>& heads, HeadInput head_input) {
  return heads.empty() || head_input != classifier_input(family) ? std::string() : heads.front().name;
}

void record_heads(Json& config, const Family& family, const std::vector<HeadSpec>& heads,
                  HeadInput head_input, bool language_head) {
  for (const char* key : {"id2label", "label2id", "num_labels", "problem_type", record_key})
    config.erase(key);
  const bool classifier = !classifier_head(family, heads, head_input).empty();
  const char* const bare = language_head ? family.head.language_model : family.head.model;
  config["architectures"] = Json::array({classifier ? family.head.classifier : bare});
  if (classifier) {
    const HeadSpec& head = heads.front();
    const auto classes = head.kind == "regression" ? std::vector<std::string>{head.field} : head.classes;
    Json id2label = Json::object(), label2id = Json::object();
    for (size_t index = 0; index < classes.size(); ++index) {
      id2label[std::to_string(index)] = classes[index];
      label2id[classes[index]] = index;
    }
    config["id2label"] = id2label;
    config["label2id"] = label2id;
    for (const auto& [kind, problem_type] : kinds) {
      if (head.kind == kind) config["problem_type"] = problem_type;
    }
  }
  if (heads.empty()) return;
  Json list = Json::array();
  for (const HeadSpec& head : heads) list.push_back(head_to_json(head, list.size()));
  config[record_key] = {
      {"format_version", record_version}, {"head_input", head_input_name(head_input)}, {"heads", list}};
}

std::vector<HeadSpec> read_heads(const std::filesystem::path& folder, HeadInput& head_input) {
  const ConfigReader reader(config_folder(folder) / "config.json");
  if (!reader.value(record_key).is_null()) return heads_from_record(reader, head_input);
  const std::string type = reader.text("model_type");
  if (!is_family(type)) return {};  // ModelConfig::read says why
  const Family& family = family_named(type);
  const Json architectures = reader.value("architectures");
  const bool classifier =
      architectures.is_array() && !architectures.empty() && architectures.front() == family.head.classifier;
  const bool adapter = AdapterConfig::present(folder);
  if (adapter ? AdapterConfig::read(folder).task_type != "SEQ_CLS" : !classifier) return {};
  head_input = classifier_input(family);
  return head_of_classifier(reader, family, folder);
}

}  // namespace limner
