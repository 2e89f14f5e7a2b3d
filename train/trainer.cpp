#include "train/trainer.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "runtime/error.h"
#include "runtime/interrupt.h"
#include "runtime/log.h"
#include "runtime/random.h"
#include "train/gather_pairs.h"
#include "train/schedule.h"

namespace limner {
namespace {

constexpr int64_t most_bad_steps = 10;  // in a row: then the run is stopped, not carried through
constexpr double norm_share = 0.05;     // of the newest norm in the running mean

using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace

Trainer::Trainer(const Parts& parts, const TrainState& state)
    : parts_(parts),
      settings_(parts.run.settings.train),
      ranks_(parts.run.communicator),
      state_(state),
      best_(BestMetric::parse(settings_.metric_for_best_model, parts.model.heads())) {
  if (settings_.deterministic == "across_ranks") {
    tree_ = std::make_unique<FixedTreeSum>(parts.backend, ranks_, parts.model.gradients());
  }
  // The window of a checkpoint is a sum over ranks: one of them goes on with it.
  if (!ranks_.root() || state_.window.losses.empty()) {
    state_.window.losses.assign(parts_.model.objectives().size(), 0.0);
  }
  if (ranks_.root()) {
    metrics_ = std::make_unique<MetricsWriter>(parts_.run.train_folder(), state_.step > 0, state_.step + 1);
  }
}

void Trainer::run() {
  saved_step_ = state_.step > 0 ? state_.step : -1;
  first_step_ = state_.step;  // the bar and its time left are of this call's steps
  progress_ = std::make_unique<Progress>("train", parts_.total_steps - first_step_, "steps", ranks_.root());
  if (state_.evaluation_due || (parts_.total_steps == 0 && state_.best_step < 0)) {
    evaluate();
    save();
  }
  while (state_.step < parts_.total_steps && !stopped_early()) {
    plan_epoch();
    if (step() == StepEnd::stop) save_and_stop();
    const bool epoch_ended = state_.batch == 0;
    const bool last = state_.step == parts_.total_steps;
    const auto due = [&](int64_t every) {
      return last || (every > 0 ? state_.step % every == 0 : epoch_ended);
    };
    if (last || state_.step % settings_.logging_steps == 0) log();
    if (due(settings_.eval_steps)) evaluate();
    if (due(settings_.save_steps) || stopped_early()) save();
  }
  progress_.reset();
  finish_saving();
}

void Trainer::plan_epoch() {
  if (plan_epoch_ == state_.epoch) return;
  plan_ = parts_.sampler.epoch(state_.epoch);
  plan_epoch_ = state_.epoch;
}

std::vector<Piece> Trainer::own_pieces(int64_t batches) const {
  std::vector<Piece> pieces;
  if (tree_) {
    const FixedTreeSum::Range own = tree_->own(leaves(batches));
    for (int64_t leaf = own.first; leaf < own.first + own.count; ++leaf) {
      pieces.push_back({state_.batch + leaf / settings_.micro_batches,
                        static_cast<int>(leaf % settings_.micro_batches),
                        static_cast<int>(settings_.micro_batches)});
    }
    return pieces;
  }
  for (int64_t batch = state_.batch; batch < state_.batch + batches; ++batch) {
    pieces.push_back({batch, ranks_.rank(), ranks_.size()});
  }
  return pieces;
}

// One small sum tells every rank the weight of all labels, whether a rank wants to stop, and whether all
// judged the steps so far alike. With tree_ each leaf has its own slots, so that no weight depends on who
// computed it.
Trainer::Agreement Trainer::agree(int64_t batches, const Shares& shares) {
  const size_t objectives = parts_.model.objectives().size();
  const size_t slots = tree_ ? static_cast<size_t>(leaves(batches)) : 1;
  const size_t first = tree_ ? static_cast<size_t>(tree_->own(leaves(batches)).first) : 0;
  std::vector<double> summed(slots * objectives + 2, 0.0);
  for (size_t piece = 0; piece < shares.size(); ++piece) {
    const size_t slot = tree_ ? first + piece : 0;
    for (const Share& share : shares[piece]) {
      const std::vector<double> weights = parts_.model.loss_weights(share.batch, share.labels);
      for (size_t objective = 0; objective < objectives; ++objective) {
        summed[slot * objectives + objective] += weights[objective];
      }
    }
  }
  double& wishes = summed[slots * objectives];
  double& bad_steps = summed[slots * objectives + 1];
  wishes = parts_.stop() ? 1.0 : 0.0;
  bad_steps = static_cast<double>(state_.bad_steps);
  ranks_.sum(std::span(summed), "agree on a step");
  require(bad_steps == static_cast<double>(state_.bad_steps * ranks_.size()),
          "rank {} skipped {} steps in a row before step {}, other ranks did not", ranks_.rank(),
          state_.bad_steps, state_.step + 1);
  Agreement agreement{wishes > 0.0, std::vector<double>(objectives, 0.0)};
  for (size_t i = 0; i < slots * objectives; ++i) agreement.label_weight[i % objectives] += summed[i];
  return agreement;
}

// One optimizer step: gradient_accumulation_steps global batches, fewer at the end of an epoch.
Trainer::StepEnd Trainer::step() {
  const auto started = Clock::now();
  const int64_t left = static_cast<int64_t>(plan_.batches.size()) - state_.batch;
  const int64_t count = std::min(settings_.gradient_accumulation_steps, left);
  int64_t tokens = 0;
  for (int64_t i = 0; i < count; ++i) {
    for (const int64_t draw : plan_.batches[static_cast<size_t>(state_.batch + i)]) {
      tokens += plan_.lengths[static_cast<size_t>(draw)];
    }
  }
  const uint64_t targets_key =
      stable_hash(fmt::format("mask {}", state_.epoch), static_cast<uint64_t>(parts_.run.settings.run.seed));
  Shares shares;
  for (const Piece& piece : own_pieces(count)) {
    shares.push_back(shares_of(piece, plan_, parts_.data, parts_.share_tokens, targets_key));
  }
  const Agreement agreement = agree(count, shares);
  if (agreement.stop) return StepEnd::stop;

  const std::vector<double> losses = compute_gradients(count, shares, agreement.label_weight);
  last_norm_ = parts_.optimizer.gradient_norm();
  last_rate_ = learning_rate(settings_, state_.step, parts_.total_steps);
  if (is_bad_step()) {
    refuse_step();
  } else {
    update_weights(losses);
  }

  state_.step += 1;
  state_.batch += count;
  if (state_.batch == static_cast<int64_t>(plan_.batches.size())) {
    state_.epoch += 1;
    state_.batch = 0;
  }
  state_.tokens += tokens;
  window_tokens_ += tokens;
  const double seconds = seconds_since(started);
  state_.seconds += seconds;
  window_seconds_ += seconds;
  return StepEnd::done;
}

std::vector<double> Trainer::compute_gradients(int64_t batches, const Shares& shares,
                                               const std::vector<double>& total_weight) {
  std::vector<double> losses(total_weight.size(), 0.0);
  const uint64_t dropout_key = stable_hash(fmt::format("dropout {}", state_.step),
                                           static_cast<uint64_t>(parts_.run.settings.run.seed));
  std::vector<double> divisor =
      total_weight;  // an objective without labels in this step has nothing to divide
  for (double& weight : divisor) weight = weight > 0.0 ? weight : 1.0;
  const auto add_gradients = [&](const Share& share, const std::function<void(int)>& on_layer) {
    const bool empty = share.batch.row_count() == 0;
    if (!empty) parts_.model.forward(share.batch, Purpose::training, dropout_key);
    PairVectors pairs;
    if (parts_.data.pairs) pairs = gather_pairs(parts_.model, ranks_, share.batch);
    if (empty) return;
    const Model::Loss loss = parts_.model.backward(share.batch, share.labels, divisor, on_layer, &pairs);
    for (size_t objective = 0; objective < divisor.size(); ++objective) {
      losses[objective] += loss.sum[objective] / divisor[objective];
    }
  };
  const auto no_layer = [](int /*layer*/) {};
  if (tree_) {
    size_t next = 0;
    tree_->sum(leaves(batches), [&](int64_t /*leaf*/) {
      for (const Share& share : shares[next++]) add_gradients(share, no_layer);
    });
    return losses;
  }
  parts_.backend.fill_zero(parts_.model.gradients());
  const Share& last = shares.back().back();
  for (const std::vector<Share>& piece : shares) {
    for (const Share& share : piece) {
      if (&share != &last) add_gradients(share, no_layer);
    }
  }
  add_gradients(last, [&](int layer) { parts_.sync.layer_done(layer); });
  if (last.batch.row_count() == 0) parts_.sync.all_layers_done();
  parts_.sync.finish();
  return losses;
}

// The norm is of the gradients summed over ranks, the same number everywhere: all ranks judge alike. A loss
// that is not finite has a gradient that is not.
bool Trainer::is_bad_step() const {
  const bool spike = settings_.spike_factor > 0.0 && state_.usual_norm > 0.0 &&
                     last_norm_ > settings_.spike_factor * state_.usual_norm;
  return spike || !std::isfinite(last_norm_);
}

void Trainer::refuse_step() {
  state_.bad_steps += 1;
  const std::string what =
      std::isfinite(last_norm_)
          ? fmt::format("the gradient norm {:.3g} of step {} is a spike (usually {:.3g})", last_norm_,
                        state_.step + 1, state_.usual_norm)
          : fmt::format("the loss or its gradient is not finite in step {}", state_.step + 1);
  if (settings_.bad_step == "skip" && state_.bad_steps < most_bad_steps) {
    if (ranks_.root()) log_warning("train: {}; the step is skipped", what);
    return;
  }
  finish_saving();
  fail(ExitCode::bad_config,
       "train: {} (learning rate {:.3g}, {} bad steps in a row); lower train.learning_rate, raise "
       "train.warmup_ratio, set train.max_grad_norm or runtime.precision=f32, then run the same command "
       "again: it goes on from the last checkpoint or starts anew",
       what, last_rate_, state_.bad_steps);
}

void Trainer::update_weights(const std::vector<double>& losses) {
  parts_.optimizer.update(state_.step + 1, last_rate_, last_norm_);
  parts_.average.update(state_.step + 1);
  state_.bad_steps = 0;
  state_.usual_norm = state_.usual_norm > 0.0
                          ? state_.usual_norm + (last_norm_ - state_.usual_norm) * norm_share
                          : last_norm_;
  state_.window.steps += 1;
  for (size_t i = 0; i < losses.size(); ++i) state_.window.losses[i] += losses[i];
}

bool Trainer::stopped_early() const {
  return settings_.early_stopping_patience > 0 &&
         state_.evaluations_without_better >= settings_.early_stopping_patience;
}

// Afterwards rank 0 holds the sum over ranks, the others nothing.
void Trainer::sum_window() {
  ranks_.sum(std::span(state_.window.losses), "sum losses");
  if (!ranks_.root()) std::fill(state_.window.losses.begin(), state_.window.losses.end(), 0.0);
}

void Trainer::log() {
  sum_window();
  if (ranks_.root()) {
    const std::vector<Model::Objective>& objectives = parts_.model.objectives();
    std::vector<std::pair<std::string, double>> values{{"train/loss", 0.0}};
    const auto steps = static_cast<double>(std::max<int64_t>(state_.window.steps, 1));  // 0: all skipped
    for (size_t i = 0; i < objectives.size(); ++i) {
      const double loss = state_.window.losses[i] / steps;
      values.front().second += objectives[i].weight * loss;
      values.emplace_back("train/loss/" + objectives[i].name, loss);
    }
    const double part = plan_.batches.empty()
                            ? 0.0
                            : static_cast<double>(state_.batch) / static_cast<double>(plan_.batches.size());
    values.emplace_back("train/learning_rate", last_rate_);
    values.emplace_back("train/grad_norm", last_norm_);
    values.emplace_back("train/epoch", static_cast<double>(state_.epoch) + part);
    values.emplace_back("train/tokens_per_second", static_cast<double>(window_tokens_) / window_seconds_);
    metrics_->write(state_.step, values);
    progress_->update(state_.step - first_step_, fmt::format("loss {:.4f}", values.front().second));
  }
  state_.window.steps = 0;
  std::fill(state_.window.losses.begin(), state_.window.losses.end(), 0.0);
  window_tokens_ = 0;
  window_seconds_ = 0.0;
}

void Trainer::evaluate() {
  const SplitRows& part = parts_.data.validation;
  state_.evaluation_due = true;
  std::optional<Evaluation> evaluated;
  parts_.average.lend([&] {
    evaluated =
        limner::evaluate(parts_.model, parts_.data, part, ranks_, parts_.evaluation_tokens, parts_.stop);
  });
  if (!evaluated) save_and_stop();
  state_.evaluation_due = false;
  const Evaluation& evaluation = *evaluated;
  double metric = ranks_.root() ? best_.of(evaluation) : 0.0;
  ranks_.broadcast_value(metric, 0, "share the validation metric");
  // The first model is the best one so far, whatever it is worth; without validation rows the newest.
  const bool comparable =
      std::isfinite(metric) && (!state_.best_metric || best_.better(metric, *state_.best_metric));
  const bool better = part.count() == 0 || state_.best_step < 0 || comparable;
  if (better) {
    if (std::isfinite(metric)) state_.best_metric = metric;
    state_.best_step = state_.step;
    state_.evaluations_without_better = 0;
    parts_.checkpoints.save_best(state_);
    ranks_.barrier("publish the best model", Patience::unlimited);
  } else {
    state_.evaluations_without_better += 1;
  }
  if (!ranks_.root() || part.count() == 0) return;
  std::vector<std::pair<std::string, double>> values{{"validation/loss", evaluation.loss}};
  if (std::isfinite(evaluation.language_loss)) {
    values.emplace_back("validation/" + evaluation.language_objective + "/loss", evaluation.language_loss);
  }
  if (std::isfinite(evaluation.contrastive_loss)) {
    values.emplace_back("validation/contrastive/loss", evaluation.contrastive_loss);
  }
  for (const HeadMetrics& head : evaluation.heads) {
    for (const char* name : {"loss", "accuracy", "macro_f1", "micro_f1", "auc", "r2", "rmse", "mae"}) {
      const double value = *head.find(name);
      if (std::isfinite(value)) values.emplace_back("validation/" + head.name + "/" + name, value);
    }
  }
  metrics_->write(state_.step, values);
  log_info("train: step {}: validation {} {:.4f}{}", state_.step, best_.name(), metric,
           better ? ", the best so far" : "");
}

void Trainer::save() {
  sum_window();
  parts_.checkpoints.save(state_);
  // Rank 0 may have waited for the checkpoint before.
  ranks_.barrier("save a checkpoint", Patience::unlimited);
  saved_step_ = state_.step;
}

// No rank may end the job before the last checkpoint stands.
void Trainer::finish_saving() {
  parts_.checkpoints.finish();
  ranks_.barrier("finish the last checkpoint", Patience::unlimited);
}

void Trainer::save_and_stop() {
  if (saved_step_ != state_.step || state_.evaluation_due) save();
  progress_.reset();
  finish_saving();
  interrupted("train");
}

}  // namespace limner
