#include "extract/plan.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "kernels/select.h"
#include "model/adapter_config.h"
#include "runtime/error.h"
#include "runtime/files.h"

namespace limner {
namespace {

constexpr std::array<std::pair<const char*, Pooling>, 5> poolings{
    {{"mean", Pooling::mean},
     {"cls", Pooling::cls},
     {"max", Pooling::max},
     {"last", Pooling::last},
     {"weighted_mean", Pooling::weighted_mean}}};
constexpr int64_t shards_wanted = 64;
constexpr int64_t smallest_shard = 64;  // rows
constexpr int64_t shortest_row = 2;     // tokens: [CLS] [SEP]

Pooling pooling_named(const std::string& name) {
  for (const auto& [known, pooling] : poolings) {
    if (name == known) return pooling;
  }
  fail(ExitCode::bad_config, "extract.pooling: no pooling '{}'", name);
}

// The newest checkpoints/step-<n>.
fs::path last_checkpoint(const fs::path& checkpoints) {
  fs::path newest;
  int64_t newest_step = -1;
  if (fs::is_directory(checkpoints)) {
    for (const fs::directory_entry& entry : fs::directory_iterator(checkpoints)) {
      const std::string name = entry.path().filename().string();
      int64_t step = -1;
      if (!name.starts_with("step-")) continue;
      const auto [end, error] = std::from_chars(name.data() + 5, name.data() + name.size(), step);
      if (error != std::errc() || end != name.data() + name.size() || step <= newest_step) continue;
      newest = entry.path();
      newest_step = step;
    }
  }
  if (newest.empty()) {
    fail(ExitCode::missing_input,
         "{}: no checkpoint; run `limner train`, or set extract.checkpoint to a model folder",
         checkpoints.string());
  }
  return newest;
}

fs::path checkpoint_folder(const Run& run) {
  const std::string& name = run.settings.extract.checkpoint;
  if (name == "last") return last_checkpoint(run.checkpoints());
  const fs::path folder = name == "best" ? run.checkpoints() / "best" : fs::path(name);
  if (!fs::exists(folder / "config.json") && !AdapterConfig::present(folder)) {
    fail(ExitCode::missing_input, "{}: no checkpoint (extract.checkpoint: {}); {}", folder.string(), name,
         name == "best" ? "run `limner train`, or set extract.checkpoint to a model folder"
                        : "a Hugging Face folder with a config.json is wanted");
  }
  return folder;
}

int64_t longest_row(const Run& run, const ExtractionPlan& plan, const SentenceConfig& sentence) {
  const Auto<int64_t>& setting = run.settings.model.max_length;
  if (!setting.is_auto()) {
    if (*setting.value > plan.config.max_positions) {
      fail(ExitCode::bad_config, "model.max_length: {} tokens, but the model in {} has {} positions",
           *setting.value, plan.checkpoint.string(), plan.config.max_positions);
    }
    return *setting.value;
  }
  if (sentence.max_length <= 0) return plan.config.max_positions;
  return std::min(sentence.max_length, plan.config.max_positions);
}

}  // namespace

const char* pooling_name(Pooling pooling) {
  for (const auto& [name, known] : poolings) {
    if (pooling == known) return name;
  }
  fail(ExitCode::internal, "pooling {} has no name", static_cast<int>(pooling));
}

int64_t shard_rows(int64_t rows, int64_t rows_per_shard) {
  const int64_t even = (rows + shards_wanted - 1) / shards_wanted;
  const int64_t rounded = (even + smallest_shard - 1) / smallest_shard * smallest_shard;
  return std::clamp<int64_t>(rounded, 1, rows_per_shard);
}

int64_t most_batch_rows(int64_t max_tokens, const ExtractSettings& settings) {
  return std::min(max_tokens / shortest_row, settings.rows_per_shard);
}

ExtractionPlan plan_extraction(const Run& run) {
  const ExtractSettings& settings = run.settings.extract;
  ExtractionPlan plan;
  plan.checkpoint = checkpoint_folder(run);
  plan.config = ModelConfig::read(plan.checkpoint);
  plan.heads = read_heads(plan.checkpoint, plan.head_input);
  plan.precision = select_precision(run.settings.runtime);
  SentenceConfig& sentence = plan.sentence;
  sentence = SentenceConfig::read(plan.checkpoint);
  if (!sentence.present) sentence.pooling = plan.config.usual_pooling();
  if (settings.pooling != "auto") sentence.pooling = pooling_named(settings.pooling);
  sentence.normalize = settings.normalize.value_or(sentence.normalize);
  plan.dimensions = settings.dimensions.value;
  if (const int64_t width = sentence.width(plan.config.hidden); plan.width() > width) {
    fail(ExitCode::bad_config, "extract.dimensions: {}, but the vectors of {} have {} numbers", plan.width(),
         plan.checkpoint.string(), width);
  }
  plan.prompt = sentence.prompt_for(run.settings.model.prompt);
  plan.max_length = longest_row(run, plan, sentence);
  plan.max_tokens = std::max(settings.max_tokens_per_batch, plan.max_length);
  plan.max_rows = most_batch_rows(plan.max_tokens, settings);
  return plan;
}

ShardProvenance describe_extraction(const ExtractionPlan& plan, const ExtractSettings& settings,
                                    int64_t rows) {
  ShardProvenance provenance;
  provenance.rows = rows;
  provenance.width = plan.width();
  if (const int64_t width = plan.sentence.width(plan.config.hidden); width > plan.width())
    provenance.full_width = width;
  provenance.prompt = plan.prompt;
  provenance.rows_per_shard = shard_rows(rows, settings.rows_per_shard);
  provenance.dtype = settings.dtype;
  provenance.pooling = pooling_name(plan.sentence.pooling);
  provenance.normalize = plan.sentence.normalize;
  // Everything else that decides bytes; where the checkpoint lies does not.
  provenance.settings_sha256 = sha256(fmt::format(
      "max_length={} max_tokens_per_batch={} precision={}{}", plan.max_length, plan.max_tokens,
      dtype_name(plan.precision),
      plan.config.unpooled_tokens > 0 ? fmt::format(" unpooled_tokens={}", plan.config.unpooled_tokens)
                                      : std::string()));
  for (const HeadSpec& head : plan.heads) {
    const std::vector<std::string> classes =
        head.kind == "regression" ? std::vector<std::string>{head.field} : head.classes;
    provenance.heads.push_back({head.name, head.kind, classes});
  }
  return provenance;
}

}  // namespace limner
