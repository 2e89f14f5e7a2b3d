// A checkpoint without training: a random model and a vocabulary of the synthetic texts.
#pragma once

#include "extract/shards.h"
#include "model/model.h"
#include "tests/train/synthetic_run.h"
#include "text/tokenizer.h"

namespace limner::testing {

inline void write_checkpoint(const fs::path& folder, uint64_t seed = 3, int64_t max_length = 16,
                             SentenceConfig sentence = {}) {
  const PreparedTable table = synthetic_table();
  WordPieceOptions options;
  options.vocabulary_size = 140;
  WordCounter counter(options);
  counter.add(table.texts, 1);
  const Tokenizer tokenizer = Tokenizer::from_vocabulary(counter.learn(), options);
  HeadSpec sentiment, stars;
  sentiment.name = sentiment.field = "sentiment";
  sentiment.kind = "single_label";
  sentiment.classes = {"bad", "good"};
  stars.name = stars.field = "stars";
  stars.kind = "regression";
  stars.target_mean = 2.0;
  const auto backend = make_cpu_backend(1);
  Model model(
      *backend,
      ModelConfig::from_settings(synthetic_settings("").model.architecture, tokenizer.vocabulary_size()),
      {sentiment, stars}, HeadInput::mean, DType::f32);
  model.initialize(seed);
  FolderWriter writer(folder);
  sentence.max_length = max_length;
  save_model(model, writer.path(), sentence);
  tokenizer.save(writer.path(), max_length);
  writer.publish();
}

inline std::vector<float> all_embeddings(const fs::path& folder) {
  const EmbeddingsReader reader(folder, EmbeddingsReader::Verify::hashes);
  std::vector<float> values(static_cast<size_t>(reader.rows() * reader.width()));
  reader.embeddings(0, reader.rows(), values.data());
  return values;
}

}  // namespace limner::testing
