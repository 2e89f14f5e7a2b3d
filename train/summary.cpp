#include "train/summary.h"

#include <cmath>

#include "runtime/files.h"
#include "runtime/log.h"

namespace limner {
namespace {

void log_metrics(const char* part, const Evaluation& evaluation) {
  if (std::isfinite(evaluation.language_loss)) {
    log_info("train: {} {}: loss {:.4f}, perplexity {:.1f}", part, evaluation.language_objective,
             evaluation.language_loss, std::exp(evaluation.language_loss));
  }
  if (std::isfinite(evaluation.contrastive_loss)) {
    log_info("train: {} contrastive: loss {:.4f}", part, evaluation.contrastive_loss);
  }
  for (const HeadMetrics& head : evaluation.heads) {
    std::string line;
    for (const char* name : {"accuracy", "macro_f1", "micro_f1", "auc", "r2", "rmse", "baseline_rmse"}) {
      const double value = *head.find(name);
      if (std::isfinite(value)) line += fmt::format(" {} {:.4f}", name, value);
    }
    log_info("train: {} {}:{} ({} rows)", part, head.name, line, head.count);
  }
}

}  // namespace

void write_summary(const Run& run, const SummaryFacts& facts, const Model& model, const TrainingData& data,
                   const TrainState& state, const Checkpoints& checkpoints, const Evaluation& validation,
                   const Evaluation& test, double seconds) {
  const double tokens_per_second =
      state.seconds > 0.0 ? static_cast<double>(state.tokens) / state.seconds : 0.0;
  Json summary{{"format_version", 1}};
  summary["steps"] = state.step;
  summary["planned_steps"] = facts.total_steps;
  summary["best_step"] = state.best_step;
  summary["best_metric"] = {{"name", run.settings.train.metric_for_best_model},
                            {"value", state.best_metric ? Json(*state.best_metric) : Json(nullptr)}};
  summary["best_checkpoint"] = fs::relative(checkpoints.best(), run.directory()).string();
  summary["last_checkpoint"] = fs::relative(checkpoints.step_folder(state.step), run.directory()).string();
  summary["parameters"] = model.parameters().parameter_count();
  summary["trained_parameters"] = model.parameters().trained_count();
  summary["precision"] = dtype_name(model.precision());
  summary["vocabulary"] = model.config().vocabulary;
  summary["max_length"] = facts.max_length;
  summary["rows"] = {{"train", data.train.count()},
                     {"validation", data.validation.count()},
                     {"test", data.test.count()},
                     {"truncated", data.tokens.truncated()}};
  summary["tokens"] = state.tokens;
  summary["tokens_per_epoch"] = data.train.tokens;
  summary["padding_saved"] = facts.padding_saved;
  summary["tokens_per_second"] = tokens_per_second;
  summary["seconds"] = seconds;             // of this call, everything included
  summary["step_seconds"] = state.seconds;  // of all calls, steps alone
  summary["ranks"] = run.communicator.size();
  summary["threads"] = run.threads();
  summary["state_bytes"] = facts.state_bytes;
  summary["arena_bytes"] = facts.arena_bytes;
  summary["validation"] = evaluation_json(validation);
  summary["test"] = evaluation_json(test);
  write_json(run.train_folder() / "summary.json", summary);

  log_metrics("validation", validation);
  log_metrics("test", test);
  log_info("train: {} steps, {:.0f} tokens/s, best at step {}, {:.1f} s", state.step, tokens_per_second,
           state.best_step, seconds);
}

}  // namespace limner
