// limner check: what training will take, told from a sample of the rows. Writes nothing.
#include <algorithm>

#include "kernels/select.h"
#include "model/adapter_config.h"
#include "model/flops.h"
#include "runtime/error.h"
#include "runtime/process.h"
#include "tables/preview.h"
#include "train/fixed_tree_sum.h"
#include "train/labels.h"
#include "train/model_plan.h"
#include "train/optimizer.h"
#include "train/step_plan.h"
#include "train/tokenizer_source.h"
#include "train/train.h"
#include "train/weight_average.h"

namespace limner {
namespace {

constexpr int64_t most_texts = 20000;

// What a first step touches and nothing here has: generated code and scratch of the matrix products, and the
// buffers through which MPI sums gradients. Seen in runs of small models, where it matters.
constexpr int64_t product_bytes = int64_t{12} << 20;
constexpr int64_t exchange_bytes = int64_t{8} << 20;

HeadSpec head_of(const HeadSettings& settings, const Preview& preview) {
  const auto found = preview.values.find(settings.field);
  if (found == preview.values.end()) {
    std::vector<std::string> known;
    for (const auto& [name, values] : preview.values) known.push_back(name);
    fail(ExitCode::bad_config, "train.heads: head '{}': no field '{}'; there are: {}", settings.name,
         settings.field, fmt::join(known, ", "));
  }
  HeadSpec head;
  head.name = settings.name;
  head.field = settings.field;
  head.kind = settings.kind;
  if (settings.kind != "regression") head.classes.assign(found->second.begin(), found->second.end());
  return head;
}

Tokenizer tokenizer_for(const Settings& settings, const Preview& preview, int threads) {
  if (settings.model.checkpoint) return Tokenizer::load(tokenizer_folder(*settings.model.checkpoint));
  std::vector<std::string> training;
  for (size_t i = 0; i < preview.texts.size(); ++i) {
    if (preview.split[i] == Split::train) training.push_back(preview.texts[i]);
  }
  const WordPieceOptions options = word_piece_options(settings.model.vocabulary);
  WordCounter counter(options);
  counter.add(training, threads);
  return Tokenizer::from_vocabulary(counter.learn(), options);
}

// As many lengths as there are rows, by repeating the sample's.
SplitRows stretched(const std::vector<int32_t>& sample, int64_t rows) {
  SplitRows part;
  for (int64_t row = 0; row < rows && !sample.empty(); ++row) {
    const int32_t length = sample[static_cast<size_t>(row) % sample.size()];
    part.rows.push_back(row);
    part.lengths.push_back(length);
    part.tokens += length;
    part.longest = std::max(part.longest, length);
    part.shortest = part.count() == 1 ? length : std::min(part.shortest, length);
  }
  return part;
}

struct ForecastRows {
  SplitRows train, others;
  int64_t truncated = 0;
};

ForecastRows forecast_rows(const Preview& preview, const Tokenizer& tokenizer, int64_t max_length,
                           int threads) {
  int64_t truncated = 0;
  const auto encoded = tokenizer.encode_all(preview.texts, max_length, threads, &truncated);
  std::vector<int32_t> train, others;
  for (size_t i = 0; i < encoded.size(); ++i) {
    (preview.split[i] == Split::train ? train : others).push_back(static_cast<int32_t>(encoded[i].size()));
  }
  ForecastRows rows;
  rows.train = stretched(train, preview.train_rows);
  rows.others = stretched(others, preview.rows - preview.train_rows);
  rows.truncated = truncated * preview.rows / std::max<int64_t>(1, static_cast<int64_t>(encoded.size()));
  return rows;
}

int64_t f32_bytes(int64_t elements) { return elements * dtype_bytes(DType::f32); }

// What a checkpoint holds for others.
int64_t published_elements(const ParameterTable& parameters, const ModelPlan& plan) {
  return plan.config.lora.active() ? parameters.trained_elements() : parameters.elements();
}

// Weights, gradients, moments, activations, the copies from which a checkpoint is written (of what is
// trained, its moments and average, and of the weights as others read them), and what sums gradients in a
// fixed order.
int64_t model_bytes(const ModelPlan& plan, const std::vector<HeadSpec>& heads, const BatchLimits& limits,
                    const Settings& settings, int ranks) {
  const TrainSettings& train = settings.train;
  const ParameterTable parameters(plan.config, heads, plan.head_input);
  const auto arena_bytes = [&](Purpose purpose, int64_t tokens, int64_t rows) {
    return Model::predict_bytes(plan.config, heads, plan.precision, purpose, tokens, rows,
                                select_shapes(settings.runtime));
  };
  const int64_t arena =
      std::max(arena_bytes(Purpose::training, limits.train_tokens, limits.train_rows),
               arena_bytes(Purpose::inference, limits.evaluation_tokens, limits.evaluation_rows));
  const bool halves = plan.precision == DType::bf16;
  const int64_t weights = f32_bytes(halves ? parameters.f32_elements() : parameters.elements());
  const int64_t shadow = halves ? parameters.elements() * dtype_bytes(DType::bf16) : 0;
  const int64_t trained = f32_bytes(parameters.trained_elements());
  const int64_t snapshot = 3 * trained + (train.weight_average > 0 ? trained : 0);  // with both moments
  const int64_t tree =
      train.deterministic == "across_ranks"
          ? FixedTreeSum::bytes(parameters.trained_elements(),
                                train.micro_batches * train.gradient_accumulation_steps, ranks)
          : 0;
  return weights + shadow + trained + snapshot + f32_bytes(published_elements(parameters, plan)) +
         Optimizer::bytes(parameters, train, ranks) + WeightAverage::bytes(parameters, train.weight_average) +
         tree + arena;
}

TrainForecast forecast(const Run& run) {
  const Settings& settings = run.settings;
  check_heads(settings.train.heads);
  ModelPlan plan = plan_model(settings);
  const Preview preview = preview_rows(run.prepared(), settings.prepare, most_texts);
  std::vector<HeadSpec> heads;
  for (const HeadSettings& head : settings.train.heads) heads.push_back(head_of(head, preview));
  Tokenizer tokenizer = tokenizer_for(settings, preview, run.threads());
  tokenizer.set_prompt(plan.prompt);
  plan.config.unpooled_tokens =
      plan.sentence.unpooled_tokens(tokenizer.prompt_tokens(plan.max_length), plan.max_length);
  if (settings.model.checkpoint) {
    check_vocabulary(tokenizer, plan.config.vocabulary, *settings.model.checkpoint);
  } else {
    plan.config.vocabulary = tokenizer.vocabulary_size();
  }
  const ForecastRows rows = forecast_rows(preview, tokenizer, plan.max_length, run.threads());
  // The program, its libraries, MPI, and what reading the rows took.
  const int64_t held_bytes = resident_bytes();
  if (rows.train.count() == 0) fail(ExitCode::bad_data, "no training rows; raise prepare.split.train");

  const ParameterTable parameters(plan.config, heads, plan.head_input);
  const int ranks = run.communicator.size();
  const BatchLimits limits = batch_limits(settings.train, rows.train, {&rows.others}, ranks);
  const int64_t tokens_file = (rows.train.tokens + rows.others.tokens) * 4 + preview.rows * 8;
  // Of a row: part, prepared row, length, place in a batch, a label a head, and a place among those to pair
  // with.
  const int64_t row_bytes =
      32 + 8 * static_cast<int64_t>(heads.size()) + (settings.train.contrastive.pair_by == "none" ? 0 : 48);

  TrainForecast forecast{};
  forecast.parameters = parameters.parameter_count();
  forecast.trained_parameters = parameters.trained_count();
  forecast.rows = rows.train.count();
  forecast.tokens_per_epoch = rows.train.tokens;
  forecast.truncated_rows = rows.truncated;
  const auto seed = static_cast<uint64_t>(settings.run.seed);
  // By every row once: what train.balance repeats is not known here, but is as many rows.
  forecast.steps = count_steps(settings.train, Sampler(rows.train, settings.train, seed));
  int64_t model_memory = model_bytes(plan, heads, limits, settings, ranks);
  if (settings.train.pretraining.num_train_epochs > 0) {
    const Settings pretraining = pretraining_settings(settings);
    forecast.pretraining_steps = count_steps(pretraining.train, Sampler(rows.train, pretraining.train, seed));
    ModelPlan pretrained = plan_model(pretraining);
    pretrained.config.vocabulary = plan.config.vocabulary;
    const BatchLimits pretraining_limits = batch_limits(pretraining.train, rows.train, {&rows.others}, ranks);
    model_memory =
        std::max(model_memory, model_bytes(pretrained, {}, pretraining_limits, pretraining, ranks));
  }
  forecast.held_bytes = held_bytes;
  forecast.bytes_per_rank = held_bytes + model_memory + tokens_file + preview.rows * row_bytes +
                            product_bytes + (ranks > 1 ? exchange_bytes : 0);
  forecast.tokens_per_step = std::min(
      rows.train.tokens, settings.train.max_tokens_per_batch * settings.train.gradient_accumulation_steps);
  forecast.gradient_bytes = f32_bytes(parameters.trained_elements());
  forecast.gathered_bytes = settings.train.shard_optimizer_state ? forecast.gradient_bytes : 0;
  forecast.last_gradient_bytes = f32_bytes(parameters.layer_range(0).elements);
  double flops = 0.0;
  for (const int32_t length : rows.train.lengths) flops += forward_flops(plan.config, length);
  forecast.flops_per_token = flops / static_cast<double>(rows.train.tokens);
  // For others, and to go on from.
  const int64_t averages = settings.train.weight_average > 0 ? 1 : 0;
  forecast.checkpoint_bytes = f32_bytes(published_elements(parameters, plan)) +
                              (3 + averages) * f32_bytes(parameters.trained_elements());
  return forecast;
}

}  // namespace

TrainForecast forecast_train(const Run& run) {
  TrainForecast result{};
  if (run.communicator.root()) result = forecast(run);
  run.communicator.broadcast_value(result, 0, "share the forecast of training");
  return result;
}

}  // namespace limner
