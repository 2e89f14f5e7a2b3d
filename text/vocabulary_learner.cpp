#include "text/vocabulary_learner.h"

#include <algorithm>
#include <deque>
#include <queue>
#include <string_view>
#include <unordered_map>

#include "text/utf8.h"

namespace limner {
namespace {

const std::string continuing_prefix = "##";

using Symbol = int32_t;
constexpr Symbol no_symbol = -1;

// The vocabulary as it grows.
class Symbols {
 public:
  Symbol find(const std::string& text) const {
    const auto found = by_text_.find(text);
    return found == by_text_.end() ? no_symbol : found->second;
  }
  Symbol add(const std::string& text) {
    const Symbol known = find(text);
    if (known != no_symbol) return known;
    const auto symbol = static_cast<Symbol>(texts_.size());
    texts_.push_back(text);
    by_text_.emplace(texts_.back(), symbol);
    return symbol;
  }
  const std::string& text(Symbol symbol) const { return texts_[static_cast<size_t>(symbol)]; }
  int64_t size() const { return static_cast<int64_t>(texts_.size()); }
  std::vector<std::string> all() const { return {texts_.begin(), texts_.end()}; }

 private:
  std::deque<std::string> texts_;  // stay in place while the vocabulary grows
  std::unordered_map<std::string_view, Symbol> by_text_;
};

// The characters of a word as pieces: "a", "##b", "##c".
std::vector<std::string> characters_of(const std::string& word) {
  std::vector<std::string> pieces;
  for (size_t position = 0; position < word.size();) {
    std::string piece = position == 0 ? std::string() : continuing_prefix;
    append_utf8(piece, next_code_point(word, position));
    pieces.push_back(std::move(piece));
  }
  return pieces;
}

// Character pieces that occur often enough, by falling count.
std::vector<std::string> frequent_characters(const std::vector<WordCount>& words, int64_t min_frequency) {
  std::unordered_map<std::string, int64_t> counts;
  for (const auto& [word, count] : words) {
    for (const std::string& piece : characters_of(word)) counts[piece] += count;
  }
  std::vector<WordCount> frequent;
  for (const auto& [piece, count] : counts) {
    if (count >= min_frequency) frequent.emplace_back(piece, count);
  }
  std::sort(frequent.begin(), frequent.end(), [](const WordCount& a, const WordCount& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  std::vector<std::string> pieces;
  for (auto& [piece, count] : frequent) pieces.push_back(std::move(piece));
  return pieces;
}

// Merges the most frequent pair of neighbours again and again. An index says in which words a pair occurs, so
// a merge touches only those.
class PairMerger {
 public:
  PairMerger(const std::vector<WordCount>& words, Symbols& symbols) : symbols_(symbols) {
    for (const auto& [word, count] : words) add_word(word, count);
    for (const auto& [pair, occurrences] : pairs_) candidates_.push(candidate(pair, occurrences.count));
  }

  // Does one merge, which need not make a new symbol; false when no pair occurs `min_frequency` times.
  bool merge_best(int64_t min_frequency) {
    while (!candidates_.empty()) {
      const Candidate best = candidates_.top();
      candidates_.pop();
      const int64_t count = pairs_[best.pair].count;
      if (count != best.count) {
        // Earlier merges took some of its occurrences (or it was pushed again since then, with more).
        if (count < best.count && count > 0) candidates_.push(candidate(best.pair, count));
        continue;
      }
      if (count < min_frequency) return false;
      merge(best.pair);
      return true;
    }
    return false;
  }

 private:
  struct Pair {
    Symbol left, right;
    bool operator==(const Pair&) const = default;
  };
  struct PairHash {
    size_t operator()(const Pair& pair) const {
      const auto key = static_cast<uint64_t>(pair.left) << 32 | static_cast<uint32_t>(pair.right);
      return static_cast<size_t>((key * 0x9E3779B97F4A7C15u) >> 16);
    }
  };
  struct Occurrences {
    int64_t count = 0;
    std::vector<int32_t> words;  // every word that has the pair, and perhaps some that had it
  };
  struct Candidate {
    int64_t count;
    std::string_view left, right;
    Pair pair;
    bool operator<(
        const Candidate& other) const {  // the best is the greatest: most frequent, then first by bytes
      if (count != other.count) return count < other.count;
      if (left != other.left) return left > other.left;
      return right > other.right;
    }
  };
  struct Word {
    std::vector<Symbol> symbols;
    int64_t count;
  };

  Symbols& symbols_;
  std::vector<Word> words_;
  std::unordered_map<Pair, Occurrences, PairHash> pairs_;
  std::priority_queue<Candidate> candidates_;

  // Words with a character that is not in the vocabulary stay unknown: nothing is learnt from them.
  void add_word(const std::string& word, int64_t count) {
    std::vector<Symbol> symbols;
    for (const std::string& piece : characters_of(word)) {
      symbols.push_back(symbols_.find(piece));
      if (symbols.back() == no_symbol) return;
    }
    if (symbols.size() < 2) return;
    const auto index = static_cast<int32_t>(words_.size());
    words_.push_back({std::move(symbols), count});
    for_each_pair(words_.back(), [&](const Pair& pair) {
      Occurrences& occurrences = pairs_[pair];
      occurrences.count += count;
      if (occurrences.words.empty() || occurrences.words.back() != index) occurrences.words.push_back(index);
    });
  }

  template <class Function>
  static void for_each_pair(const Word& word, Function&& function) {
    for (size_t i = 1; i < word.symbols.size(); ++i) function(Pair{word.symbols[i - 1], word.symbols[i]});
  }

  Candidate candidate(const Pair& pair, int64_t count) const {
    return {count, symbols_.text(pair.left), symbols_.text(pair.right), pair};
  }

  void merge(const Pair& pair) {
    const Symbol merged =
        symbols_.add(symbols_.text(pair.left) + symbols_.text(pair.right).substr(continuing_prefix.size()));
    std::vector<int32_t> touched = std::move(pairs_[pair].words);
    std::vector<Pair> grown;
    for (const int32_t index : touched) {
      Word& word = words_[static_cast<size_t>(index)];
      for_each_pair(word, [&](const Pair& old) { pairs_[old].count -= word.count; });
      replace(word.symbols, pair, merged);
      for_each_pair(word, [&](const Pair& now) {
        Occurrences& occurrences = pairs_[now];
        occurrences.count += word.count;
        if (now.left != merged && now.right != merged) return;
        if (!occurrences.words.empty() && occurrences.words.back() == index) return;
        occurrences.words.push_back(index);
        grown.push_back(now);
      });
    }
    pairs_.erase(pair);
    const auto by_symbols = [](const Pair& a, const Pair& b) {
      return a.left != b.left ? a.left < b.left : a.right < b.right;
    };
    std::sort(grown.begin(), grown.end(), by_symbols);
    grown.erase(std::unique(grown.begin(), grown.end()), grown.end());
    for (const Pair& now : grown) candidates_.push(candidate(now, pairs_[now].count));
  }

  static void replace(std::vector<Symbol>& symbols, const Pair& pair, Symbol merged) {
    size_t kept = 0;
    for (size_t i = 0; i < symbols.size(); ++i) {
      const bool here = i + 1 < symbols.size() && symbols[i] == pair.left && symbols[i + 1] == pair.right;
      symbols[kept++] = here ? merged : symbols[i];
      if (here) ++i;
    }
    symbols.resize(kept);
  }
};

}  // namespace

std::vector<std::string> learn_vocabulary(const std::vector<WordCount>& words, int64_t size,
                                          int64_t min_frequency) {
  Symbols symbols;
  for (const char* special : {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}) symbols.add(special);
  const std::vector<std::string> characters = frequent_characters(words, min_frequency);
  const int64_t characters_end = symbols.size() + std::max<int64_t>(0, size - symbols.size()) * 3 / 4;
  auto next = characters.begin();
  while (next != characters.end() && symbols.size() < characters_end) symbols.add(*next++);

  PairMerger merger(words, symbols);
  while (symbols.size() < size && merger.merge_best(min_frequency)) {
  }
  while (next != characters.end() && symbols.size() < size) symbols.add(*next++);
  return symbols.all();
}

}  // namespace limner
