// limner check: what extraction will take, told from a sample of the rows. Writes nothing.
#include <algorithm>

#include "extract/extract.h"
#include "extract/plan.h"
#include "kernels/select.h"
#include "model/adapter_config.h"
#include "runtime/error.h"
#include "runtime/process.h"
#include "tables/preview.h"
#include "text/tokenizer.h"

namespace limner {
namespace {

constexpr int64_t most_texts = 20000;

// Generated code and scratch of the matrix products, which nothing here has touched.
constexpr int64_t product_bytes = int64_t{12} << 20;

// Where the model comes from when training has not happened yet: the checkpoint it will start from, or
// nothing, for a model from scratch.
std::optional<fs::path> model_folder(const Run& run) {
  const std::string& name = run.settings.extract.checkpoint;
  if (name != "best" && name != "last") return name;
  if (fs::exists(run.checkpoints() / "best" / "config.json")) return run.checkpoints() / "best";
  if (run.settings.model.checkpoint) return fs::path(*run.settings.model.checkpoint);
  return std::nullopt;
}

struct Source {
  ModelConfig config;
  std::vector<HeadSpec> heads;
  HeadInput head_input = HeadInput::mean;
  int64_t max_length = 0;
  Tokenizer tokenizer;
  SentenceConfig sentence;
};

Tokenizer learn_from(const std::vector<std::string>& texts, const VocabularySettings& settings, int threads) {
  WordPieceOptions options;
  options.lowercase = options.strip_accents = settings.lowercase;
  options.vocabulary_size = settings.size;
  options.min_frequency = settings.min_frequency;
  WordCounter counter(options);
  counter.add(texts, threads);
  return Tokenizer::from_vocabulary(counter.learn(), options);
}

// The heads that training will make. Its own forecast refuses fields that are not there.
std::vector<HeadSpec> heads_to_come(const std::vector<HeadSettings>& settings, const Preview& preview) {
  std::vector<HeadSpec> heads;
  for (const HeadSettings& head : settings) {
    HeadSpec spec;
    spec.name = head.name;
    spec.field = head.field;
    spec.kind = head.kind;
    const auto values = preview.values.find(head.field);
    if (head.kind != "regression" && values != preview.values.end()) {
      spec.classes.assign(values->second.begin(), values->second.end());
    }
    if (spec.outputs() > 0) heads.push_back(std::move(spec));
  }
  return heads;
}

Source find_source(const Run& run, const Preview& preview) {
  const ModelSettings& settings = run.settings.model;
  const auto folder = model_folder(run);
  if (!folder) {
    Tokenizer tokenizer = learn_from(preview.texts, settings.vocabulary, run.threads());
    const ModelConfig config = ModelConfig::from_settings(settings.architecture, tokenizer.vocabulary_size());
    return {config,
            heads_to_come(run.settings.train.heads, preview),
            config.usual_head_input(),
            settings.max_length.value_or(config.max_positions),
            std::move(tokenizer),
            {}};
  }
  const ModelConfig config = ModelConfig::read(*folder);
  HeadInput input = config.usual_head_input();
  const SentenceConfig sentence = SentenceConfig::read(*folder);
  const int64_t told =
      sentence.max_length > 0 ? std::min(sentence.max_length, config.max_positions) : config.max_positions;
  std::vector<HeadSpec> heads = read_heads(*folder, input);
  if (heads.empty()) heads = heads_to_come(run.settings.train.heads, preview);
  return {config,
          std::move(heads),
          input,
          settings.max_length.value_or(told),
          Tokenizer::load(tokenizer_folder(*folder)),
          sentence};
}

ExtractForecast forecast(const Run& run) {
  const ExtractSettings& settings = run.settings.extract;
  const Preview preview = preview_rows(run.prepared(), run.settings.prepare, most_texts);
  Source source = find_source(run, preview);
  source.tokenizer.set_prompt(source.sentence.prompt_for(run.settings.model.prompt));
  source.config.unpooled_tokens =
      source.sentence.unpooled_tokens(source.tokenizer.prompt_tokens(source.max_length), source.max_length);
  const int64_t width = settings.dimensions.value_or(source.sentence.width(source.config.hidden));
  const auto encoded = source.tokenizer.encode_all(preview.texts, source.max_length, run.threads());
  // The program, its libraries, MPI, and what reading the rows took.
  const int64_t base_bytes = resident_bytes();
  int64_t sample_tokens = 0;
  for (const auto& row : encoded) sample_tokens += static_cast<int64_t>(row.size());
  const double rows_per_text =
      static_cast<double>(preview.rows) / static_cast<double>(std::max<size_t>(1, encoded.size()));

  int64_t classes = 0;
  for (const HeadSpec& head : source.heads) classes += head.outputs();
  const DType precision = select_precision(run.settings.runtime);
  const int64_t max_tokens = std::max(settings.max_tokens_per_batch, source.max_length);
  const int64_t rows_of_shard = shard_rows(preview.rows, settings.rows_per_shard);
  const ParameterTable parameters(source.config, source.heads, source.head_input);
  const int64_t arena =
      Model::predict_bytes(source.config, source.heads, precision, Purpose::inference, max_tokens,
                           most_batch_rows(max_tokens, settings), select_shapes(run.settings.runtime));
  const int64_t weights = parameters.elements() * (dtype_bytes(DType::f32) +
                                                   (precision == DType::bf16 ? dtype_bytes(DType::bf16) : 0));
  const int64_t value_bytes = settings.dtype == "float16" ? 2 : 4;
  const int64_t row_bytes = width * value_bytes + classes * 4 + 32;

  ExtractForecast forecast{};
  forecast.rows = preview.rows;
  forecast.customers = preview.customers;
  forecast.width = width;
  forecast.classes = classes;
  forecast.tokens = static_cast<int64_t>(static_cast<double>(sample_tokens) * rows_per_text);
  // Of a row in work: the f32 vector, its float16 form, and the image of the file.
  forecast.bytes_per_rank = base_bytes + product_bytes + weights + arena +
                            rows_of_shard * (width * (4 + value_bytes) + 2 * row_bytes);
  forecast.disk_bytes = preview.rows * row_bytes;
  return forecast;
}

}  // namespace

ExtractForecast forecast_extract(const Run& run) {
  ExtractForecast result{};
  if (run.communicator.root()) result = forecast(run);
  run.communicator.broadcast_value(result, 0, "share the forecast of extraction");
  return result;
}

}  // namespace limner
