#include "train/tokenizer_source.h"

#include <algorithm>

#include "runtime/error.h"
#include "runtime/files.h"
#include "runtime/interrupt.h"
#include "runtime/log.h"
#include "runtime/progress.h"

namespace limner {
namespace {

constexpr int64_t block_rows = 4096;

std::string learning_key(const VocabularySettings& settings, const std::string& prepared_sha256) {
  return sha256(fmt::format("size={} min_frequency={} lowercase={} prepared={}", settings.size,
                            settings.min_frequency, settings.lowercase, prepared_sha256));
}

fs::path key_path(const fs::path& folder) { return folder / "learned_from.json"; }

bool is_learned(const fs::path& folder, const std::string& key) {
  return fs::exists(key_path(folder)) && read_json(key_path(folder)).value("key", "") == key;
}

std::vector<std::string> training_texts(const PreparedReader& prepared, const std::vector<Split>& split,
                                        int64_t first) {
  const int64_t count = std::min(block_rows, prepared.rows() - first);
  if (count <= 0) return {};
  std::vector<std::string> texts = prepared.texts(first, count), training;
  for (int64_t i = 0; i < count; ++i) {
    if (split[static_cast<size_t>(first + i)] == Split::train) {
      training.push_back(std::move(texts[static_cast<size_t>(i)]));
    }
  }
  return training;
}

// This rank's blocks of the training rows.
void count_words(WordCounter& counter, const PreparedReader& prepared, const std::vector<Split>& split,
                 const Communicator& ranks, int threads, const std::function<bool()>& stop) {
  Progress progress("count words", prepared.rows(), "rows", ranks.root());
  for (int64_t first = 0; first < prepared.rows(); first += block_rows * ranks.size()) {
    if (ranks.any(stop(), "agree on stopping")) interrupted("train");
    counter.add(training_texts(prepared, split, first + ranks.rank() * block_rows), threads);
    progress.update(std::min(prepared.rows(), first + block_rows * ranks.size()));
  }
}

}  // namespace

WordPieceOptions word_piece_options(const VocabularySettings& settings) {
  WordPieceOptions options;
  options.lowercase = settings.lowercase;
  options.strip_accents = settings.lowercase;
  options.vocabulary_size = settings.size;
  options.min_frequency = settings.min_frequency;
  return options;
}

void check_vocabulary(const Tokenizer& tokenizer, int64_t embeddings, const fs::path& where) {
  if (tokenizer.vocabulary_size() <= embeddings) return;
  fail(ExitCode::bad_data,
       "{}: the tokenizer does not fit the model: it has {} tokens, the model embeddings for {}; use the "
       "tokenizer that belongs to these weights",
       where.string(), tokenizer.vocabulary_size(), embeddings);
}

Tokenizer learn_tokenizer(const fs::path& folder, const VocabularySettings& settings, int64_t max_length,
                          const PreparedReader& prepared, const std::string& prepared_sha256,
                          const std::vector<Split>& split, const Communicator& ranks, int threads,
                          const std::function<bool()>& stop) {
  const std::string key = learning_key(settings, prepared_sha256);
  int learned = ranks.root() && is_learned(folder, key) ? 1 : 0;
  ranks.broadcast_value(learned, 0, "share whether the vocabulary is learned");
  if (learned != 0) return Tokenizer::load(folder);

  const WordPieceOptions options = word_piece_options(settings);
  WordCounter counter(options);
  count_words(counter, prepared, split, ranks, threads, stop);
  const std::vector<std::string> counts =
      ranks.gather(ranks.root() ? std::string() : counter.serialize(), 0, "gather word counts");
  std::string vocabulary;
  if (ranks.root()) {
    for (size_t rank = 1; rank < counts.size(); ++rank) counter.merge(counts[rank]);
    vocabulary = Json(counter.learn()).dump();
  }
  ranks.broadcast(vocabulary, 0, "share the vocabulary");
  Tokenizer tokenizer =
      Tokenizer::from_vocabulary(Json::parse(vocabulary).get<std::vector<std::string>>(), options);
  if (ranks.root()) {
    FolderWriter writer(folder);
    tokenizer.save(writer.path(), max_length);
    write_json(key_path(writer.path()), {{"key", key}, {"tokenizer_sha256", tokenizer.sha256()}});
    writer.publish();
  }
  log_info("train: learned a vocabulary of {} tokens from the training rows", tokenizer.vocabulary_size());
  return tokenizer;
}

}  // namespace limner
