#include <algorithm>
#include <charconv>
#include <unordered_map>

#include "runtime/error.h"
#include "runtime/parallel.h"
#include "text/tokenizer.h"
#include "text/tokenizer_files.h"
#include "text/vocabulary_learner.h"
#include "text/word_reader.h"

namespace limner {
namespace {

using Counts = std::unordered_map<std::string, int64_t>;

constexpr int64_t longest_word = 100;  // characters; a longer one is unknown to WordPiece

void count_words(const std::string& text, WordReader& reader, Counts& counts) {
  std::string word;
  const auto count_word = [&](int64_t begin, int64_t end) {
    if (end - begin > longest_word) return true;
    word.clear();
    for (int64_t index = begin; index < end; ++index) append_utf8(word, reader.at(index).code());
    ++counts[word];
    return true;
  };
  reader.read(text, count_word, [](int32_t, int64_t, int64_t) { return true; });
}

}  // namespace

struct WordCounter::State {
  WordPieceOptions options;
  const CharacterTable& table;
  AddedTokenSet no_tokens{{}};
  Counts counts;

  explicit State(const WordPieceOptions& given)
      : options(given), table(CharacterTable::of(normalizer_of(given), CharacterTable::Spaces::implied)) {}

  std::vector<WordCount> sorted() const {
    std::vector<WordCount> words(counts.begin(), counts.end());
    std::sort(words.begin(), words.end());
    return words;
  }
};

WordCounter::WordCounter(const WordPieceOptions& options) : state_(std::make_unique<State>(options)) {}
WordCounter::~WordCounter() = default;
WordCounter::WordCounter(WordCounter&&) noexcept = default;
WordCounter& WordCounter::operator=(WordCounter&&) noexcept = default;

void WordCounter::add(const std::vector<std::string>& texts, int threads) {
  const auto parts = static_cast<size_t>(std::max(1, threads));
  std::vector<Counts> counted(parts);
  parallel_for(static_cast<int64_t>(parts), threads, [&](int64_t part) {
    WordReader reader(state_->table, state_->no_tokens, state_->no_tokens);
    const auto p = static_cast<size_t>(part);
    for (size_t index = p; index < texts.size(); index += parts)
      count_words(texts[index], reader, counted[p]);
  });
  for (const Counts& counts : counted) {
    for (const auto& [word, count] : counts) state_->counts[word] += count;
  }
}

// One line a word: its count, a blank, the word. A word holds no white space.
std::string WordCounter::serialize() const {
  std::string lines;
  for (const auto& [word, count] : state_->sorted()) {
    lines += std::to_string(count);
    lines += ' ';
    lines += word;
    lines += '\n';
  }
  return lines;
}

void WordCounter::merge(const std::string& serialized) {
  for (size_t begin = 0; begin < serialized.size();) {
    const size_t end = serialized.find('\n', begin), blank = serialized.find(' ', begin);
    require(end != std::string::npos && blank < end, "word counts: a line at byte {} is not whole", begin);
    int64_t count = 0;
    const auto parsed = std::from_chars(serialized.data() + begin, serialized.data() + blank, count);
    require(parsed.ec == std::errc() && parsed.ptr == serialized.data() + blank && count > 0,
            "word counts: no count at byte {}", begin);
    state_->counts[serialized.substr(blank + 1, end - blank - 1)] += count;
    begin = end + 1;
  }
}

std::vector<std::string> WordCounter::learn() const {
  return learn_vocabulary(state_->sorted(), state_->options.vocabulary_size, state_->options.min_frequency);
}

}  // namespace limner
