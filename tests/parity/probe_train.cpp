#include <algorithm>
#include <cmath>
#include <fstream>

#include "tests/parity/probe.h"

namespace limner::parity {
namespace {

constexpr int threads = 2;

double learning_rate(const Json& plan, int64_t step) {
  const auto rate = plan.at("learning_rate").get<double>();
  const auto warmup = plan.at("warmup_steps").get<int64_t>();
  const auto total = plan.at("total_steps").get<int64_t>();
  if (step < warmup) return rate * static_cast<double>(step) / static_cast<double>(warmup);
  return rate * static_cast<double>(total - step) / static_cast<double>(total - warmup);
}

// Weights' moments, parameter by parameter, as each decays or does not.
class Optimizer {
 public:
  Optimizer(Backend& backend, Model& model, const Json& plan)
      : backend_(backend),
        model_(model),
        plan_(plan),
        first_memory_(backend.allocate(model.gradients().bytes())),
        second_memory_(backend.allocate(model.gradients().bytes())) {}

  void step(int64_t index, double rate, double scale) {
    const int64_t elements = model_.gradients().elements();
    const Tensor first(first_memory_.data(), DType::f32, {elements});
    const Tensor second(second_memory_.data(), DType::f32, {elements});
    for (const ParamSpec& spec : model_.parameters().all()) {
      if (!spec.trained) break;
      const auto part = [&](const Tensor& flat) { return flat.slice_rows(spec.offset, spec.elements()); };
      const double decay = spec.decay == Decay::weight_decay ? plan_.at("weight_decay").get<double>() : 0.0;
      const AdamW update{static_cast<float>(rate),
                         plan_.at("adam_beta1").get<float>(),
                         plan_.at("adam_beta2").get<float>(),
                         plan_.at("adam_epsilon").get<float>(),
                         static_cast<float>(decay),
                         index + 1,
                         static_cast<float>(scale)};
      backend_.adamw(part(model_.weights()), {}, part(first), part(second), part(model_.gradients()), update);
    }
  }

 private:
  Backend& backend_;
  Model& model_;
  const Json& plan_;
  Buffer first_memory_, second_memory_;
};

// Of this process's resident memory, so far.
float peak_mebibytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::stof(line.substr(line.find_first_of("0123456789"))) / 1024.0f;
  }
  fail(ExitCode::internal, "/proc/self/status has no VmHWM");
}

}  // namespace

void train(const fs::path& checkpoint, const fs::path& input, const fs::path& output) {
  const Json plan = read_json(input);
  const auto backend = make_cpu_backend(threads);
  Model model = load_model(*backend, checkpoint, plan);
  std::vector<Batch> batches;
  int64_t tokens = 0, rows = 0;
  for (const Json& json : plan.at("batches")) {
    batches.push_back(read_batch(json));
    tokens = std::max(tokens, batches.back().token_count());
    rows = std::max(rows, batches.back().row_count());
  }
  model.plan(Purpose::training, tokens, rows);
  Optimizer optimizer(*backend, model, plan);
  const auto most = plan.at("max_grad_norm").get<double>();

  std::vector<float> losses, norms, rates;
  for (size_t step = 0; step < batches.size(); ++step) {
    const std::vector<HeadLabels> labels{read_labels(model.heads()[0], plan["batches"][step].at("labels"))};
    const std::vector<double> weights = model.loss_weights(batches[step], labels);
    backend->fill_zero(model.gradients());
    model.forward(batches[step], Purpose::training);
    const Losses loss = model.backward(batches[step], labels, weights, [](int) {});
    const double norm = std::sqrt(backend->sum_of_squares(model.gradients()));
    const double rate = learning_rate(plan, static_cast<int64_t>(step));
    losses.push_back(static_cast<float>(loss.sum[0] / weights[0]));
    norms.push_back(static_cast<float>(norm));
    rates.push_back(static_cast<float>(rate));
    // As torch clips: with 1e-6 beside the norm.
    optimizer.step(static_cast<int64_t>(step), rate, std::min(1.0, most / (norm + 1e-6)));
  }
  Results results;
  const auto steps = static_cast<int64_t>(batches.size());
  results.add("losses", {steps}, losses);
  results.add("grad_norms", {steps}, norms);
  results.add("learning_rates", {steps}, rates);
  if (plan.value("peak", false)) results.add("peak_mebibytes", {1}, {peak_mebibytes()});
  const std::vector<float> trained = model.download(model.trained_weights());
  results.add_parameters("final.", model, trained, fs::absolute(output).parent_path());
  results.write(output);
}

}  // namespace limner::parity
