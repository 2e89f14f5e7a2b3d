// Fine-tunes on the prepared training rows; writes train/ and checkpoints/.
//
// checkpoints/step-00000200/ and best/: Hugging Face folders, with train.lora PEFT adapters.
// limner_state/state.json holds where training stands; limner_state/optimizer.safetensors (not in best/) the
// flat weights that are trained and both moments, to go on from.
//
// train/metrics.jsonl and events.out.tfevents.*, by step: train/loss (mean over the steps since the last
// line, all heads), train/loss/<head>, train/learning_rate, train/grad_norm, train/epoch,
// train/tokens_per_second; validation/loss, validation/<head>/{loss, accuracy, macro_f1, micro_f1, auc, r2,
// rmse, mae} as the head's kind has them.
//
// train/summary.json:
//   format_version, steps, planned_steps, best_step, best_metric {name, value}, best_checkpoint,
//   last_checkpoint (relative to the run), parameters, trained_parameters, precision, vocabulary, max_length,
//   rows {train, validation, test, truncated}, tokens, tokens_per_epoch, padding_saved (share),
//   tokens_per_second, seconds (of the last call), step_seconds (of all calls), ranks, threads, state_bytes,
//   arena_bytes
//   validation, test {rows, loss, heads [{name, kind, count, loss, then
//     accuracy, macro_precision, macro_recall, macro_f1, auc (two classes), micro_f1 (multi_label),
//       classes, per_class [{class, precision, recall, f1, support}],
//       confusion (single_label) [label][prediction]
//     or r2, rmse, mae, baseline_rmse (predicting the mean of the training rows)}]}
//   both of the best checkpoint; an undefined number is null
//
// With train.pretraining, train/pretraining/ and checkpoints/pretraining/ hold the same files of the masked
// language modelling before: train/loss/masked_language_model, validation/masked_language_model/loss, and in
// summary.json masked_language_model {loss, perplexity} of each part.
//
// train/tokenizer/: the vocabulary learned from the training rows. train/tokens.cache: all rows' tokens,
// removed at the end.
#pragma once

#include "runtime/run.h"

namespace limner {

// Goes on from the newest whole checkpoint of this run, if there is one with the same settings, inputs and
// precision, to the last bit of an uninterrupted run with as many ranks. Checkpoints of other settings are
// removed, with a warning. Errors: no or unusable prepared rows, a head's field or kind that does not fit,
// one class only, a tokenizer that does not fit the model, a loss that is not finite (bad_config, with the
// step).
void train(const Run& run);

// What `limner check` prints before a run; reads the prepared rows or the head of the raw table.
struct TrainForecast {
  int64_t parameters, trained_parameters, steps, pretraining_steps, tokens_per_epoch, rows, truncated_rows,
      bytes_per_rank, checkpoint_bytes;
  int64_t held_bytes;           // of bytes_per_rank: what the process that asks has resident already
  int64_t tokens_per_step;      // of all ranks, on average
  int64_t gradient_bytes;       // summed over ranks in each step
  int64_t last_gradient_bytes;  // the embeddings' part of them, which backward makes last
  int64_t gathered_bytes;       // of updated weights in each step; 0 without train.shard_optimizer_state
  double flops_per_token;       // forward, the mean over the training rows
};
TrainForecast forecast_train(const Run& run);

}  // namespace limner
