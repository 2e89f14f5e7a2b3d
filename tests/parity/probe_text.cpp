#include <algorithm>
#include <sstream>

#include "model/safetensors.h"
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

void encode(const fs::path& checkpoint, const fs::path& texts, const fs::path& output, DType precision) {
  const auto backend = make_cpu_backend(threads);
  const SentenceConfig sentence = SentenceConfig::read(checkpoint);
  require(sentence.present, "{}: not a sentence-transformers folder", checkpoint.string());
  Model model(*backend, ModelConfig::read(checkpoint), {}, HeadInput::mean, precision);
  model.load(checkpoint);
  const int64_t positions = model.config().max_positions;
  const int64_t length = sentence.max_length > 0 ? std::min(sentence.max_length, positions) : positions;
  const auto ids = Tokenizer::load(checkpoint).encode_all(read_texts(texts), length, threads);

  std::vector<std::span<const int32_t>> rows(ids.begin(), ids.end());
  std::vector<int32_t> lengths;
  std::vector<int64_t> row_ids;
  for (const auto& row : rows) {
    row_ids.push_back(static_cast<int64_t>(lengths.size()));
    lengths.push_back(static_cast<int32_t>(row.size()));
  }
  const auto width = static_cast<size_t>(model.config().hidden);
  std::vector<float> vectors(rows.size() * width);
  model.plan(Purpose::inference, max_tokens, max_tokens);
  for (const std::vector<int64_t>& indices : range_batches(lengths, max_tokens)) {
    const Batch batch = pack(indices, rows, row_ids);
    model.forward(batch, Purpose::inference);
    const float* pooled = model.pooled(batch, sentence.pooling, sentence.normalize).as<float>();
    for (const int64_t index : indices) {
      std::copy_n(pooled, width, vectors.begin() + index * static_cast<int64_t>(width));
      pooled += width;
    }
  }
  const auto count = static_cast<int64_t>(rows.size());
  write_safetensors(output,
                    {{"vectors", Tensor(vectors.data(), DType::f32, {count, model.config().hidden})}});
}

}  // namespace limner::parity
