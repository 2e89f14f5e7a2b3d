// Tokenization as Hugging Face `tokenizers` does it (WordPiece, BPE, Unigram), read from tokenizer.json or
// from the older files: vocab.txt, or vocab.json + merges.txt.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace limner {

struct Encoding {
  std::vector<int32_t> ids;
  // Character (code point) range of each token in the text given, as `tokenizers` reports to Python; (0, 0)
  // for special tokens.
  std::vector<std::pair<int32_t, int32_t>> offsets;
};

struct WordPieceOptions {
  bool lowercase = true;
  bool strip_accents = true;
  bool handle_chinese_chars = true;
  bool clean_text = true;
  int64_t vocabulary_size = 8000;
  int64_t min_frequency = 2;
};

class Tokenizer {
 public:
  // Truncation and padding that tokenizer.json asks for are not applied: the caller says max_length.
  // Errors: no tokenizer file (missing_input), an unsupported part by name and value (bad_data).
  static Tokenizer load(const std::filesystem::path& folder);
  // From a vocabulary in id order; must hold [PAD], [UNK], [CLS], [SEP], [MASK].
  static Tokenizer from_vocabulary(std::vector<std::string> vocabulary, const WordPieceOptions& options);
  ~Tokenizer();
  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;

  // Words before every text that is encoded: a text is read as if it began with them.
  void set_prompt(std::string words);
  // How many tokens at the start of every row are the prompt's, as sentence-transformers counts them: those
  // of the prompt encoded alone, less the last one if it is special. What stands before the prompt is
  // counted; a token that prompt and text share is not.
  int64_t prompt_tokens(int64_t max_length) const;

  // At most max_length ids, special tokens counted; reading stops as soon as they are filled. Broken UTF-8 is
  // read as U+FFFD.
  std::vector<int32_t> encode(std::string_view text, int64_t max_length) const;
  Encoding encode_with_offsets(std::string_view text, int64_t max_length) const;
  // The same for many texts on several threads; result i belongs to texts[i]. truncated (optional) counts cut
  // rows.
  std::vector<std::vector<int32_t>> encode_all(const std::vector<std::string>& texts, int64_t max_length,
                                               int threads, int64_t* truncated = nullptr) const;

  int64_t vocabulary_size() const;  // largest id + 1, added tokens included
  std::string kind() const;         // of the model: WordPiece, BPE, Unigram
  std::optional<int32_t> unknown_id() const;
  std::optional<int32_t> pad_id() const;
  const std::string& token(int32_t id) const;
  // tokenizer.json, tokenizer_config.json, special_tokens_map.json and, for WordPiece, vocab.txt:
  // transformers opens the folder.
  void save(const std::filesystem::path& folder, int64_t model_max_length) const;
  std::string sha256() const;  // of what decides ids, the prompt included

 private:
  struct State;
  explicit Tokenizer(std::shared_ptr<const State> state);
  std::shared_ptr<const State> state_;
  std::string prompt_;

  std::string_view with_prompt(std::string_view text, std::string& prompted) const;
};

// Learns a WordPiece vocabulary: the frequent characters, then the most frequent pairs merged (as BPE does),
// until `vocabulary_size` entries. Chinese characters are words of their own (handle_chinese_chars) so they
// enter as single entries. Deterministic for a given multiset of texts, however they were shared between
// ranks and threads.
class WordCounter {
 public:
  explicit WordCounter(const WordPieceOptions& options);
  ~WordCounter();
  WordCounter(WordCounter&&) noexcept;
  WordCounter& operator=(WordCounter&&) noexcept;
  void add(const std::vector<std::string>& texts, int threads);
  std::string serialize() const;              // to send to another rank
  void merge(const std::string& serialized);  // adds the counts of serialize()
  std::vector<std::string> learn() const;     // the vocabulary in id order, special tokens first

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace limner
