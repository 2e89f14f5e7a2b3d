#include "model/adapter_config.h"
#include "model/checkpoint.h"
#include "tests/parity/probe.h"

namespace limner::parity {
namespace {

constexpr int threads = 2;
constexpr uint64_t seed = 23;

HeadSpec read_head(const Json& json) {
  HeadSpec head;
  head.name = json.at("name").get<std::string>();
  head.field = head.name + " field";
  head.kind = json.at("kind").get<std::string>();
  for (int index = 0; index < json.value("classes", 0); ++index)
    head.classes.push_back(fmt::format("class {}", index));
  head.target_mean = json.value("mean", 0.0);
  head.target_scale = json.value("scale", 1.0);
  return head;
}

// The heads' outputs as Hugging Face shows them: regressions in the target's unit, logits else.
Tensor answer_of(const HeadSpec& head, const Tensor& logits, std::vector<float>& predictions) {
  return head.kind == "regression" ? Tensor(predictions.data(), DType::f32, {logits.dim(0), logits.dim(1)})
                                   : logits;
}

}  // namespace

void export_model(const fs::path& specification, const fs::path& folder, const fs::path& output) {
  const Json json = read_json(specification);
  ArchitectureSettings architecture;
  architecture.layers = 2;
  architecture.hidden = 36;
  architecture.heads = 3;
  architecture.inner = 70;
  architecture.max_positions = 40;
  ModelConfig config = ModelConfig::from_settings(architecture, json.at("vocabulary").get<int64_t>());
  config.initializer_range = 0.2f;
  std::vector<HeadSpec> heads;
  for (const Json& head : json.at("heads")) heads.push_back(read_head(head));

  const auto backend = make_cpu_backend(threads);
  Model model(*backend, config, heads, parse_head_input(json.at("head_input").get<std::string>()),
              DType::f32);
  model.initialize(seed);
  make_folder(folder);
  const auto normalize = json.at("normalize").get<bool>();
  SentenceConfig sentence;
  sentence.normalize = normalize;
  sentence.max_length = architecture.max_positions;
  save_model(model, folder, sentence);

  const Batch batch = read_batch(json);
  model.plan(Purpose::inference, batch.token_count(), batch.row_count());
  const Model::Output answer = model.forward(batch, Purpose::inference);
  auto predictions = model.predictions(answer);
  Results results;
  results.add("vectors", model.pooled(batch, Pooling::mean, normalize));
  for (size_t head = 0; head < heads.size(); ++head) {
    results.add("head." + heads[head].name, answer_of(heads[head], answer.logits[head], predictions[head]));
  }
  results.write(output);
}

void resave(const fs::path& checkpoint, const fs::path& folder) {
  ModelConfig config = ModelConfig::read(checkpoint);
  if (AdapterConfig::present(checkpoint)) config.lora = lora_of(checkpoint);
  HeadInput head_input = config.usual_head_input();
  const std::vector<HeadSpec> heads = read_heads(checkpoint, head_input);
  const auto backend = make_cpu_backend(threads);
  Model model(*backend, config, heads, head_input, DType::f32);
  const auto missing = model.load(checkpoint);
  require(missing.empty(), "{}: not in the checkpoint: {}", checkpoint.string(), fmt::join(missing, ", "));
  make_folder(folder);
  SentenceConfig sentence = SentenceConfig::read(checkpoint);
  if (!sentence.present) {
    sentence.pooling = config.usual_pooling();
    sentence.max_length = config.max_positions;
  }
  save_model(model, folder, sentence);
}

}  // namespace limner::parity
