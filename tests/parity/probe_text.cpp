#include <algorithm>
#include <sstream>

#include "model/safetensors.h"
#include "model/sentence_vectors.h"
#include "tests/parity/probe.h"
#include "text/batcher.h"
#include "text/tokenizer.h"

namespace limner::parity {
namespace {

constexpr int threads = 2;
constexpr int64_t max_tokens = 8192;

// One JSON string a line.
std::vector<std::string> read_texts(const fs::path& path) {
  std::istringstream lines(read_file(path));
  std::vector<std::string> texts;
  for (std::string line; std::getline(lines, line);) texts.push_back(Json::parse(line).get<std::string>());
  return texts;
}

}  // namespace

void tokens(const fs::path& folder, const fs::path& texts, const fs::path& output, int64_t max_length) {
  const Tokenizer tokenizer = Tokenizer::load(folder);
  FileWriter writer(output);
  for (const std::string& text : read_texts(texts)) {
    const Encoding encoding = tokenizer.encode_with_offsets(text, max_length);
    std::vector<std::string> offsets;
    for (const auto& [begin, end] : encoding.offsets) offsets.push_back(fmt::format("{}:{}", begin, end));
    writer.write(fmt::format("{}\t{}\n", fmt::join(encoding.ids, " "), fmt::join(offsets, " ")));
  }
  writer.publish();
}

void encode(const fs::path& checkpoint, const fs::path& texts, const fs::path& output, DType precision,
            std::optional<int64_t> dimensions) {
  const auto backend = make_cpu_backend(threads);
  const SentenceConfig sentence = SentenceConfig::read(checkpoint);
  require(sentence.present, "{}: not a sentence-transformers folder", checkpoint.string());
  ModelConfig config = ModelConfig::read(checkpoint);
  const int64_t positions = config.max_positions;
  const int64_t length = sentence.max_length > 0 ? std::min(sentence.max_length, positions) : positions;
  Tokenizer tokenizer = Tokenizer::load(checkpoint);
  tokenizer.set_prompt(sentence.prompt_for("auto"));
  config.unpooled_tokens = sentence.unpooled_tokens(tokenizer.prompt_tokens(length), length);
  Model model(*backend, config, {}, HeadInput::mean, precision);
  model.load(checkpoint);
  const auto ids = tokenizer.encode_all(read_texts(texts), length, threads);

  std::vector<std::span<const int32_t>> rows(ids.begin(), ids.end());
  std::vector<int32_t> lengths;
  std::vector<int64_t> row_ids;
  for (const auto& row : rows) {
    row_ids.push_back(static_cast<int64_t>(lengths.size()));
    lengths.push_back(static_cast<int32_t>(row.size()));
  }
  SentenceVectors sentence_vectors(*backend, sentence, model.config().hidden, dimensions, max_tokens);
  const int64_t width = sentence_vectors.width();
  std::vector<float> vectors(rows.size() * static_cast<size_t>(width));
  model.plan(Purpose::inference, max_tokens, max_tokens);
  for (const std::vector<int64_t>& indices : range_batches(lengths, max_tokens)) {
    const Batch batch = pack(indices, rows, row_ids);
    model.forward(batch, Purpose::inference);
    const std::vector<float> computed = sentence_vectors.compute(model, batch);
    for (size_t row = 0; row < indices.size(); ++row) {
      std::copy_n(computed.begin() + static_cast<int64_t>(row) * width, width,
                  vectors.begin() + indices[row] * width);
    }
  }
  const auto count = static_cast<int64_t>(rows.size());
  write_safetensors(output, {{"vectors", Tensor(vectors.data(), DType::f32, {count, width})}});
}

}  // namespace limner::parity
