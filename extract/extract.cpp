#include "extract/extract.h"

#include <chrono>
#include <set>

#include "extract/extractor.h"
#include "extract/plan.h"
#include "extract/work_queue.h"
#include "kernels/select.h"
#include "model/adapter_config.h"
#include "model/memory_fit.h"
#include "runtime/error.h"
#include "runtime/files.h"
#include "runtime/interrupt.h"
#include "runtime/log.h"
#include "runtime/progress.h"

namespace limner {
namespace {

struct ShardRange {
  int64_t first, rows;
};

std::vector<ShardRange> all_ranges(const ShardProvenance& provenance) {
  std::vector<ShardRange> ranges;
  for (int64_t first = 0; first < provenance.rows; first += provenance.rows_per_shard) {
    ranges.push_back({first, std::min(provenance.rows_per_shard, provenance.rows - first)});
  }
  return ranges;
}

// Hashing the model and the table takes a while: rank 0 does it for all.
ShardProvenance agree_on_provenance(const ExtractionPlan& plan, const Run& run, const Tokenizer& tokenizer,
                                    const PreparedReader& prepared) {
  ShardProvenance provenance = describe_extraction(plan, run.settings.extract, prepared.rows());
  provenance.tokenizer_sha256 = tokenizer.sha256();
  if (run.communicator.root()) {
    provenance.model_sha256 = checkpoint_sha256(plan.checkpoint);
    provenance.prepared_sha256 = prepared.sha256();
  }
  run.communicator.broadcast(provenance.model_sha256, 0, "share the hash of the model", Patience::unlimited);
  run.communicator.broadcast(provenance.prepared_sha256, 0, "share the hash of the prepared rows",
                             Patience::unlimited);
  return provenance;
}

Tokenizer load_tokenizer(const ExtractionPlan& plan) {
  Tokenizer tokenizer = Tokenizer::load(tokenizer_folder(plan.checkpoint));
  tokenizer.set_prompt(plan.prompt);
  if (tokenizer.vocabulary_size() > plan.config.vocabulary) {
    fail(ExitCode::bad_data, "{}: the tokenizer does not fit the model: {} tokens, but embeddings for {}",
         plan.checkpoint.string(), tokenizer.vocabulary_size(), plan.config.vocabulary);
  }
  return tokenizer;
}

// A pooler that no head reads may be left out of a folder; it changes nothing here.
void load_weights(Model& model, const fs::path& folder) {
  const bool pooler_is_read = model.head_input() == HeadInput::pooler && !model.heads().empty();
  for (const std::string& name : model.load(folder)) {
    if (name.starts_with("pooler.") && !pooler_is_read) continue;
    fail(ExitCode::bad_data, "{}: tensor {} is not in the folder, and the predictions need it",
         folder.string(), name);
  }
}

// Shards of other settings, models or rows, and what was published over them. All are this run's own files,
// made before its settings changed.
void remove_stale(const fs::path& folder, const ShardProvenance& provenance) {
  std::set<std::string> wanted;
  for (const ShardRange& range : all_ranges(provenance)) wanted.insert(shard_name(range.first, range.rows));
  if (!fs::is_directory(folder / "shards")) return;
  int64_t removed = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder / "shards")) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with("rows-") || name.find(".tmp-") != std::string::npos || wanted.contains(name))
      continue;
    fs::remove(entry.path());
    ++removed;
  }
  if (removed > 0) log_info("{}: removed {} files of other row ranges", folder.string(), removed);
}

// Those of this call, where several share the work.
std::vector<ShardRange> own_ranges(const ShardProvenance& provenance, const ExtractSettings& settings) {
  const std::vector<ShardRange> all = all_ranges(provenance);
  std::vector<ShardRange> own;
  for (auto i = static_cast<size_t>(settings.part); i < all.size();
       i += static_cast<size_t>(settings.parts)) {
    own.push_back(all[i]);
  }
  return own;
}

// Those of the ranges that have no whole shard. Ranks share the reading.
std::vector<ShardRange> missing_ranges(const Run& run, const ShardProvenance& provenance,
                                       const std::vector<ShardRange>& ranges) {
  std::vector<int64_t> valid(ranges.size(), 0);
  for (size_t i = static_cast<size_t>(run.communicator.rank()); i < ranges.size();
       i += static_cast<size_t>(run.communicator.size())) {
    valid[i] = shard_is_valid(run.embeddings(), provenance, ranges[i].first, ranges[i].rows) ? 1 : 0;
  }
  run.communicator.sum(std::span(valid), "agree on the shards that are there");
  std::vector<ShardRange> missing;
  for (size_t i = 0; i < ranges.size(); ++i) {
    if (valid[i] == 0) missing.push_back(ranges[i]);
  }
  return missing;
}

// This rank's part of the work. Returns the ranges it did.
int64_t work(const Run& run, const ShardProvenance& provenance, const std::vector<ShardRange>& ranges,
             Extractor& extractor) {
  WorkQueue queue(run.communicator, static_cast<int64_t>(ranges.size()));
  Progress progress("extract", static_cast<int64_t>(ranges.size()), "shards", run.communicator.root());
  int64_t done = 0;
  for (;;) {
    if (stop_requested()) {
      queue.stop();
      break;
    }
    const std::optional<int64_t> unit = queue.next();
    if (!unit) break;
    const ShardRange range = ranges[static_cast<size_t>(*unit)];
    const std::optional<ShardData> shard = extractor.compute(range.first, range.rows, stop_requested);
    if (!shard) continue;
    write_shard(run.embeddings(), provenance, *shard);
    ++done;
    progress.update(*unit + 1);  // units are handed out in order: those before it are done or being done
  }
  queue.finish();
  if (!stop_requested()) progress.update(static_cast<int64_t>(ranges.size()));
  return done;
}

void log_plan(const ExtractionPlan& plan, const ShardProvenance& provenance, size_t missing, int64_t arena,
              const Model& model) {
  const size_t shards = all_ranges(provenance).size();
  log_info("extract: {} parameters from {}, {}, {:.1f} MiB of activations",
           model.parameters().parameter_count(), plan.checkpoint.string(), dtype_name(plan.precision),
           static_cast<double>(arena) / (1 << 20));
  log_info("extract: {} rows in {} shards, {} to do; {} pooling, {}, width {} {}", provenance.rows, shards,
           missing, provenance.pooling, provenance.normalize ? "normalised" : "not normalised",
           provenance.width, provenance.dtype);
  constexpr size_t comfortable_shards = 500;  // each one open file in readers of embeddings.h5
  if (shards > comfortable_shards) {
    log_warning(
        "extract: {} shards make embeddings.h5 slow to read and may exceed `ulimit -n`; raise "
        "extract.rows_per_shard ({})",
        shards, provenance.rows_per_shard);
  }
}

// Lays out the largest batches for which every rank has memory, and returns the plan with them.
ExtractionPlan plan_batches(const Run& run, Model& model, ExtractionPlan plan) {
  const auto rows_of = [&](int64_t tokens) { return most_batch_rows(tokens, run.settings.extract); };
  const MemoryFit fit = plan_within_memory(
      run.communicator, model, plan.max_tokens,
      {plan.max_length, "extract: the longest row that there may be", "lower model.max_length"},
      [&](int64_t tokens) { model.plan(Purpose::inference, tokens, rows_of(tokens)); });
  if (!fit.lack.empty() && run.communicator.root()) {
    log_warning(
        "extract: batches of {} tokens do not fit into memory ({}). All ranks take {} tokens: the same "
        "vectors up to rounding. Set extract.max_tokens_per_batch to {} to have the same bytes wherever it "
        "runs",
        plan.max_tokens, fit.lack, fit.tokens, fit.tokens);
  }
  plan.max_tokens = fit.tokens;
  plan.max_rows = rows_of(fit.tokens);
  return plan;
}

void compute_missing(const Run& run, const ExtractionPlan& wanted, const ShardProvenance& provenance,
                     const std::vector<ShardRange>& missing, const Tokenizer& tokenizer,
                     const PreparedReader& prepared) {
  const auto started = std::chrono::steady_clock::now();
  const std::unique_ptr<Backend> backend =
      select_backend(run.settings.runtime, run.threads(), run.communicator);
  Model model(*backend, wanted.config, wanted.heads, wanted.head_input, wanted.precision);
  load_weights(model, wanted.checkpoint);
  SentenceVectors vectors(*backend, wanted.sentence, wanted.config.hidden, wanted.dimensions,
                          wanted.max_rows);
  const ExtractionPlan plan = plan_batches(run, model, wanted);
  log_plan(plan, provenance, missing.size(), model.planned_bytes(), model);

  Extractor extractor(plan, model, vectors, tokenizer, prepared, run.threads());
  const int64_t done =
      run.communicator.sum(work(run, provenance, missing, extractor), "count the shards done");
  const int64_t tokens = run.communicator.sum(extractor.tokens_done(), "count the tokens done");
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  log_info("extract: {} shards, {} tokens in {:.1f} s ({:.0f} tokens/s)", done, tokens, seconds,
           static_cast<double>(tokens) / seconds);
  if (const GraphUse use = backend->graph_use(); use.pieces > 0) {
    log_info("extract: CUDA graphs: {} of {} pieces of work were replayed", use.replayed, use.pieces);
  }
  if (done < static_cast<int64_t>(missing.size())) interrupted("extract");
}

}  // namespace

void extract(const Run& run) {
  const PreparedReader prepared(run.prepared());
  ExtractionPlan plan = plan_extraction(run);
  const Tokenizer tokenizer = load_tokenizer(plan);
  plan.config.unpooled_tokens =
      plan.sentence.unpooled_tokens(tokenizer.prompt_tokens(plan.max_length), plan.max_length);
  const ShardProvenance provenance = agree_on_provenance(plan, run, tokenizer, prepared);
  if (provenance.rows == 0) fail(ExitCode::bad_data, "{}: no rows to extract", run.prepared().string());

  const ExtractSettings& settings = run.settings.extract;
  const bool shared = settings.parts > 1;
  if (settings.part >= settings.parts) {
    fail(ExitCode::bad_config, "extract.part: {} of {} parts; they count from 0", settings.part,
         settings.parts);
  }
  const std::vector<ShardRange> missing = missing_ranges(run, provenance, own_ranges(provenance, settings));
  if (run.communicator.root()) {
    make_folder(run.embeddings());
    // Nothing that names shards may stand while they change.
    if (!missing.empty()) {
      fs::remove(run.embeddings() / "manifest.json");
      fs::remove(run.embeddings() / "embeddings.h5");
    }
    remove_stale(run.embeddings(), provenance);
    if (!shared) {  // another part may be writing just now
      for (const fs::path& folder : {run.embeddings(), run.embeddings() / "shards"})
        remove_unfinished(folder);
    }
  }
  run.communicator.barrier("clear the folder of embeddings");
  if (missing.empty()) {
    log_info("extract: nothing to do, the shards are there already");
  } else {
    compute_missing(run, plan, provenance, missing, tokenizer, prepared);
  }
  if (shared && !missing_ranges(run, provenance, all_ranges(provenance)).empty()) {
    log_info("extract: part {} of {} is done; the last of them publishes", settings.part, settings.parts);
    return;
  }
  if (run.communicator.root()) publish_embeddings(run.embeddings(), provenance);
  run.communicator.barrier("publish the embeddings", Patience::unlimited);
}

}  // namespace limner
