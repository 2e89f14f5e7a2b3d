#include "train/train.h"

#include <chrono>
#include <limits>

#include "kernels/select.h"
#include "model/adapter_config.h"
#include "model/memory_fit.h"
#include "runtime/error.h"
#include "runtime/files.h"
#include "runtime/interrupt.h"
#include "runtime/log.h"
#include "train/model_plan.h"
#include "train/step_plan.h"
#include "train/summary.h"
#include "train/tokenizer_source.h"
#include "train/trainer.h"
#include "train/training_run.h"

namespace limner {
namespace {

constexpr const char* pretraining_phase = "pretraining";

double mebibytes(int64_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

// What is wrong whatever the data hold.
void check_settings(const Settings& settings) {
  const TrainSettings& train = settings.train;
  check_heads(train.heads);
  const bool trains = train.num_train_epochs > 0 || train.max_steps > 0;
  const bool texts_alone = train.masked_language_model.weight > 0 || train.causal_language_model.weight > 0 ||
                           train.contrastive.weight > 0;
  if (trains && train.heads.empty() && !texts_alone) {
    fail(ExitCode::bad_config,
         "train.heads: empty, so there is nothing to learn; name a head, give the weight of "
         "train.masked_language_model, train.causal_language_model or train.contrastive a value, or set "
         "train.num_train_epochs to 0 to publish the model as it is");
  }
  if (train.deterministic == "across_ranks" && train.contrastive.weight > 0) {
    fail(ExitCode::bad_config,
         "train.deterministic: across_ranks goes without train.contrastive, whose pairs are told apart from "
         "those "
         "of all ranks; set same_ranks");
  }
}

void check_rows(const TrainingData& data, const TrainSettings& settings, const fs::path& prepared) {
  if (data.train.count() == 0) {
    fail(ExitCode::bad_data, "{}: no training rows; raise prepare.split.train", prepared.string());
  }
  if (data.validation.count() > 0) return;
  if (settings.early_stopping_patience > 0 || settings.metric_for_best_model != "auto") {
    fail(ExitCode::bad_config,
         "train.early_stopping_patience and train.metric_for_best_model want validation "
         "rows, and there are none; raise prepare.split.validation");
  }
  log_warning("train: no validation rows: the newest checkpoint counts as the best one");
}

// With train.balance, the class of each training row; else none.
std::vector<int32_t> balanced_classes(const TrainSettings& settings, const Labels& labels,
                                      const SplitRows& rows) {
  if (!settings.balance) return {};
  for (size_t head = 0; head < labels.heads().size(); ++head) {
    const HeadSpec& spec = labels.heads()[head];
    if (spec.name == *settings.balance && spec.kind == "single_label")
      return labels.of_rows(rows.rows)[head].classes;
  }
  fail(ExitCode::bad_config, "train.balance: no head of kind single_label is named '{}'", *settings.balance);
}

Tokenizer find_tokenizer(const Run& run, const ModelPlan& plan, const PreparedReader& prepared,
                         const std::string& prepared_sha256, const std::vector<Split>& split,
                         const std::function<bool()>& stop) {
  const ModelSettings& settings = run.settings.model;
  if (!settings.checkpoint) {
    return learn_tokenizer(run.train_folder() / "tokenizer", settings.vocabulary, plan.max_length, prepared,
                           prepared_sha256, split, run.communicator, run.threads(), stop);
  }
  Tokenizer tokenizer = Tokenizer::load(tokenizer_folder(*settings.checkpoint));
  check_vocabulary(tokenizer, plan.config.vocabulary, *settings.checkpoint);
  return tokenizer;
}

void start_weights(Model& model, const Settings& settings) {
  model.initialize(static_cast<uint64_t>(settings.run.seed));
  if (!settings.model.checkpoint) return;
  if (AdapterConfig::present(*settings.model.checkpoint) && !model.config().lora.active()) {
    log_info("train: the adapter's updates are added to the weights of its base");
  }
  for (const std::string& name : model.load(*settings.model.checkpoint)) {
    log_info("train: {} is not in the checkpoint and starts anew", name);
  }
}

// Everything that decides the course of training. Where and how often something is written or who holds it
// does not.
std::string fingerprint_of(const Run& run, const ModelPlan& plan, const std::string& tokenizer_sha256,
                           const std::string& prepared_sha256) {
  Settings settings = run.settings;
  const TrainSettings defaults;
  settings.train.logging_steps = defaults.logging_steps;
  settings.train.save_steps = defaults.save_steps;
  settings.train.save_total_limit = defaults.save_total_limit;
  settings.train.save_in_background = defaults.save_in_background;
  settings.train.shard_optimizer_state = defaults.shard_optimizer_state;  // the same bits
  std::string joined = fmt::format("seed {}\nprecision {}\ntokenizer {}\nprepared {}\n", settings.run.seed,
                                   dtype_name(plan.precision), tokenizer_sha256, prepared_sha256);
  joined += print_section(settings, "model") + print_section(settings, "train");
  if (settings.model.checkpoint) joined += checkpoint_sha256(*settings.model.checkpoint);
  return sha256(joined);
}

// Goes on from the newest checkpoint of these settings, or clears those of others away.
TrainState restore_or_start(const Run& run, Checkpoints& checkpoints) {
  std::string newest;
  if (run.communicator.root()) {
    remove_unfinished(run.checkpoints());
    if (const auto found = checkpoints.newest()) {
      newest = found->string();
    } else {
      checkpoints.remove_others();
      fs::remove(run.train_folder() / "summary.json");
    }
  }
  run.communicator.broadcast(newest, 0, "share the checkpoint to go on from", Patience::unlimited);
  if (newest.empty()) return {};
  const TrainState state = checkpoints.restore(newest);
  log_info("train: going on after step {} ({})", state.step, newest);
  return state;
}

// Lays out the largest batches for which every rank has memory, at most those that the run had before. Sets
// state.share_tokens where that is less than a share.
BatchLimits plan_batches(const Run& run, Model& model, const TrainingData& data, TrainState& state) {
  const TrainSettings& train = run.settings.train;
  const Communicator& ranks = run.communicator;
  const auto limits = [&](int64_t most_tokens) {
    return batch_limits(train, data.train, {&data.validation, &data.test}, ranks.size(), most_tokens);
  };
  BatchLimits fitting = limits(state.share_tokens.value_or(std::numeric_limits<int64_t>::max()));
  const int64_t whole = fitting.train_tokens;
  const MemoryFit fit = plan_within_memory(
      ranks, model, whole,
      data.pairs ? LeastBatch{whole, "train: a rank's share of a batch of pairs, which cannot be cut",
                              "lower train.max_tokens_per_batch or set train.gradient_checkpointing"}
                 : LeastBatch{data.train.longest, "train: the longest row",
                              "lower model.max_length or set train.gradient_checkpointing"},
      [&](int64_t tokens) {
        // Evaluation's batches are those of any number of ranks, until memory says otherwise.
        if (tokens < whole) fitting = limits(tokens);
        model.plan(Purpose::training, fitting.train_tokens, fitting.train_rows);
        model.plan(Purpose::inference, fitting.evaluation_tokens, fitting.evaluation_rows);
      });
  if (!fit.lack.empty()) {
    state.share_tokens = fit.tokens;
    if (ranks.root()) {
      log_warning(
          "train: {} tokens at once, a rank's share of a batch, do not fit into memory ({}). All ranks "
          "compute their shares in pieces of at most {} tokens: the same training up to rounding. To avoid "
          "it set train.gradient_checkpointing, take more ranks, or lower train.max_tokens_per_batch and "
          "raise train.gradient_accumulation_steps",
          whole, fit.lack, fit.tokens);
    }
  } else if (state.share_tokens) {
    log_info("train: shares in pieces of at most {} tokens, as before the interruption", *state.share_tokens);
  }
  return fitting;
}

void log_start(const Run& run, const Model& model, const Backend& backend, const TrainingData& data,
               const SummaryFacts& facts) {
  log_info("train: {} parameters, {} of them trained, {}, {}, {} ranks", model.parameters().parameter_count(),
           model.parameters().trained_count(), backend.description(), dtype_name(model.precision()),
           run.communicator.size());
  log_info("train: per rank {:.1f} MiB of weights, gradients and moments, {:.1f} MiB of activations",
           mebibytes(facts.state_bytes), mebibytes(facts.arena_bytes));
  log_info(
      "train: {} training, {} validation, {} test rows; {} tokens an epoch, {} rows cut to {} tokens, "
      "{:.0f} % of padding saved",
      data.train.count(), data.validation.count(), data.test.count(), data.train.tokens,
      data.tokens.truncated(), facts.max_length, 100.0 * facts.padding_saved);
  log_info("train: {} steps", facts.total_steps);
}

// The tensors that live from the first step to the last.
int64_t state_bytes(Model& model, const TrainSettings& settings, int ranks) {
  return model.weights().bytes() + model.gradients().bytes() + model.shadow().bytes() +
         Optimizer::bytes(model.parameters(), settings, ranks) +
         WeightAverage::bytes(model.parameters(), settings.weight_average);
}

// One training from its tokenizer to its summary.
void train_phase(const Run& run, const std::function<bool()>& stop) {
  const auto started = std::chrono::steady_clock::now();
  const Settings& settings = run.settings;
  const Communicator& ranks = run.communicator;
  ModelPlan plan = plan_model(settings);
  const PreparedReader prepared(run.prepared());
  const std::vector<Split> split = prepared.split(0, prepared.rows());
  const Labels labels(prepared, settings.train.heads, split);
  std::string prepared_sha256 = ranks.root() ? prepared.sha256() : std::string();
  ranks.broadcast(prepared_sha256, 0, "share the hash of the prepared rows", Patience::unlimited);
  make_folder(run.train_folder());

  Tokenizer tokenizer = find_tokenizer(run, plan, prepared, prepared_sha256, split, stop);
  tokenizer.set_prompt(plan.prompt);
  plan.config.unpooled_tokens =
      plan.sentence.unpooled_tokens(tokenizer.prompt_tokens(plan.max_length), plan.max_length);
  if (!settings.model.checkpoint) plan.config.vocabulary = tokenizer.vocabulary_size();
  const fs::path tokens_path = run.train_folder() / "tokens.cache";
  TokenCache::make(tokens_path, {tokenizer.sha256(), prepared_sha256, plan.max_length}, prepared, tokenizer,
                   ranks, run.threads(), stop);
  const TokenCache tokens(tokens_path);
  const MaskedLanguageModelSettings& masked = settings.train.masked_language_model;
  const bool pairs = settings.train.contrastive.weight > 0;
  const std::vector<int64_t> groups =
      pair_groups(prepared, pairs ? settings.train.contrastive.pair_by : std::string("none"));
  const TrainingData data{tokens,
                          labels,
                          masked.weight > 0 ? std::optional(TokenMasking(tokenizer, masked)) : std::nullopt,
                          settings.train.causal_language_model.weight > 0,
                          pairs,
                          SplitRows::of(Split::train, split, tokens, groups),
                          SplitRows::of(Split::validation, split, tokens, groups),
                          SplitRows::of(Split::test, split, tokens, groups)};
  check_rows(data, settings.train, run.prepared());

  const std::unique_ptr<Backend> backend = select_backend(run.settings.runtime, run.threads(), ranks);
  Model model(*backend, plan.config, labels.heads(), plan.head_input, plan.precision);
  start_weights(model, settings);
  model.make_gradients();
  const std::unique_ptr<DeviceReducer> reducer = select_reducer(*backend, ranks);
  GradientSync sync(*reducer, model.parameters(), model.gradients());
  if (backend->device() == Device::cuda) {
    // NCCL takes its memory at the first sum: before batches are planned into what is left.
    sync.all_layers_done();
    sync.finish();
  }
  Optimizer optimizer(*backend, model, settings.train, ranks, *reducer);
  WeightAverage average(*backend, model, settings.train.weight_average);
  Checkpoints checkpoints(run.checkpoints(),
                          {model, optimizer, average, ranks, tokenizer, plan.sentence,
                           fingerprint_of(run, plan, tokenizer.sha256(), prepared_sha256)},
                          settings.train.save_total_limit,
                          settings.train.save_in_background ? Checkpoints::Writing::in_background
                                                            : Checkpoints::Writing::at_once);

  TrainState state = restore_or_start(run, checkpoints);
  const BatchLimits limits = plan_batches(run, model, data, state);

  const auto seed = static_cast<uint64_t>(settings.run.seed);
  const Sampler sampler(data.train, settings.train, seed,
                        balanced_classes(settings.train, labels, data.train));
  const SummaryFacts facts{.total_steps = count_steps(settings.train, sampler),
                           .max_length = plan.max_length,
                           .state_bytes = state_bytes(model, settings.train, ranks.size()),
                           .arena_bytes = model.planned_bytes(),
                           .padding_saved = padding_saved(sampler)};
  log_start(run, model, *backend, data, facts);
  Trainer trainer({run, *backend, model, sync, optimizer, average, checkpoints, data, sampler,
                   facts.total_steps, limits.train_tokens, limits.evaluation_tokens, stop},
                  state);
  trainer.run();

  if (const GraphUse use = backend->graph_use(); use.pieces > 0) {
    log_info("train: CUDA graphs: {} of {} pieces of work were replayed", use.replayed, use.pieces);
  }

  // What is reported is what was published.
  checkpoints.load_best();
  const auto validation = evaluate(model, data, data.validation, ranks, limits.evaluation_tokens, stop);
  if (!validation) interrupted("train");
  const auto test = evaluate(model, data, data.test, ranks, limits.evaluation_tokens, stop);
  if (!test) interrupted("train");
  if (!ranks.root()) return;
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  write_summary(run, facts, model, data, trainer.state(), checkpoints, *validation, *test, seconds);
  fs::remove(tokens_path);  // a copy of customers' words that nobody needs any more
}

// Learning from the texts alone first, unless it stands there already. Returns the checkpoint to fine-tune.
fs::path pretrain(const Run& run, const std::function<bool()>& stop) {
  const Run pretraining{pretraining_settings(run.settings), run.communicator, pretraining_phase};
  fs::path best = pretraining.checkpoints() / "best";
  std::string fingerprint;
  bool current = false;
  if (run.communicator.root()) {
    fingerprint =
        fingerprint_of(pretraining, plan_model(pretraining.settings), "", sha256_file(run.prepared()));
    current = fs::exists(best) && recorded_fingerprint(run, pretraining_phase) == fingerprint;
  }
  run.communicator.broadcast_value(current, 0, "agree on pretraining");
  if (current) {
    log_info("pretraining: inputs and settings unchanged, skipped");
    return best;
  }
  const auto started = std::chrono::steady_clock::now();
  train_phase(pretraining, stop);
  run.communicator.barrier("end pretraining");
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  record_stage(run, pretraining_phase, fingerprint, seconds);
  return best;
}

}  // namespace

void train(const Run& run) { train_until(run, stop_requested); }

void train_until(const Run& run, const std::function<bool()>& stop) {
  check_settings(run.settings);
  if (run.settings.train.pretraining.num_train_epochs <= 0) return train_phase(run, stop);
  Run fine_tuning = run;
  fine_tuning.settings.model.checkpoint = pretrain(run, stop).string();
  train_phase(fine_tuning, stop);
}

}  // namespace limner
