#include <array>
#include <cmath>

#include "model/transformer.h"
#include "tests/parity/probe.h"
#include "text/batcher.h"

namespace limner::parity {
namespace {

constexpr int threads = 2;

void add_pooled(Results& results, Backend& backend, Model& model, const Batch& batch) {
  const std::array<std::pair<const char*, Pooling>, 5> poolings{{{"mean", Pooling::mean},
                                                                 {"max", Pooling::max},
                                                                 {"lasttoken", Pooling::last},
                                                                 {"weightedmean", Pooling::weighted_mean},
                                                                 {"cls", Pooling::cls}}};
  for (const auto& [name, pooling] : poolings) {
    results.add(std::string("pooled.") + name, model.pooled(batch, pooling, false));
  }
  if (!model.config().has_pooler) return;
  const auto weight = [&](const char* name) {
    return parameter_view(model.weights(), model.parameters().find(name));
  };
  const Tensor first = model.pooled(batch, Pooling::cls, false);
  std::vector<float> values(static_cast<size_t>(first.elements()));
  const Tensor pooler(values.data(), DType::f32, {first.dim(0), first.dim(1)});
  backend.linear_forward(pooler, {}, first, weight("pooler.dense.weight"), weight("pooler.dense.bias"),
                         Activation::tanh);
  results.add("pooler", pooler);
}

// The loss of the one objective and, in model.gradients(), its gradient.
double objective_loss(Model& model, const Batch& batch, const Json& json) {
  std::vector<HeadLabels> labels;
  if (!model.heads().empty()) labels.push_back(read_labels(model.heads()[0], json.at("labels")));
  const std::vector<double> weights = model.loss_weights(batch, labels);
  return model.backward(batch, labels, weights, [](int) {}).sum[0] / weights[0];
}

// Without a head: the mean of hidden[i] * sin(i + 1), through the encoder alone.
double sine_loss(Backend& backend, Model& model, const Batch& batch) {
  const ModelConfig& config = model.config();
  Transformer encoder(backend, config, DType::f32);
  encoder.prepare_positions(batch.max_length);
  const auto lay_out = [&](Arena& arena) {
    return Transformer::lay_out(arena, config, DType::f32, Purpose::training, batch.token_count());
  };
  Arena counting;
  lay_out(counting);
  const Buffer memory(counting.high_water_bytes());
  Arena arena(memory);
  EncoderActivations activations = lay_out(arena);
  const auto parameters = [&](const Tensor& flat) {
    return encoder_parameters(model.parameters(), config, flat, flat);
  };
  const EncoderParameters weights = parameters(model.weights());
  EncoderParameters gradients = parameters(model.gradients());
  const Packing packing{batch.cu_lengths, batch.rows, batch.max_length};
  encoder.forward(activations, weights, batch, packing, std::nullopt);

  const int64_t count = activations.hidden().elements();
  const float* const hidden = activations.hidden().as<float>();
  float* const gradient = activations.gradient.as<float>();
  double loss = 0.0;
  for (int64_t index = 0; index < count; ++index) {
    const double factor = std::sin(static_cast<double>(index + 1)) / static_cast<double>(count);
    loss += factor * hidden[index];
    gradient[index] = static_cast<float>(factor);
  }
  encoder.backward(gradients, activations, weights, batch, packing, std::nullopt, [](int) {});
  return loss;
}

}  // namespace

void forward(const fs::path& checkpoint, const fs::path& input, const fs::path& output) {
  const Json json = read_json(input);
  const auto backend = make_cpu_backend(threads);
  Model model = load_model(*backend, checkpoint, json);
  Batch batch = read_batch(json);
  if (json.at("kind") == "causal_language_model") predict_next_tokens(batch);
  model.plan(Purpose::training, batch.token_count(), batch.row_count());

  Results results;
  const Model::Output answer = model.forward(batch, Purpose::training);
  for (int layer = 0; layer <= model.config().layers; ++layer) {
    results.add(fmt::format("hidden.{}", layer), model.hidden_state(layer));
  }
  add_pooled(results, *backend, model, batch);
  const bool head = !model.heads().empty();
  if (head) results.add("logits", answer.logits[0]);
  const bool objective = !model.objectives().empty();
  const double loss = objective ? objective_loss(model, batch, json) : sine_loss(*backend, model, batch);
  results.add("loss", {1}, {static_cast<float>(loss)});

  std::vector<float> gradients(static_cast<size_t>(model.gradients().elements()));
  backend->download(gradients.data(), model.gradients());
  results.add_parameters("grad.", model, gradients, fs::absolute(output).parent_path());
  if (!objective) results.erase("grad.pooler.");  // out of the loss's reach
  results.write(output);
}

}  // namespace limner::parity
