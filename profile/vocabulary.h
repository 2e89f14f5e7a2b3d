// Terms of the texts with their counts, and texts as sparse rows over them: bags of words and TF-IDF.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "profile/words.h"
#include "runtime/communicator.h"
#include "runtime/settings.h"
#include "tables/prepared.h"

namespace limner {

// Row r has values[offsets[r] .. offsets[r + 1]) at the columns of the same places, ascending.
struct SparseRows {
  std::vector<int64_t> offsets{0};
  std::vector<int32_t> terms;
  std::vector<double> values;
  int64_t count() const { return static_cast<int64_t>(offsets.size()) - 1; }
  void add(const std::map<int32_t, double>& row);
};

// How often words occur; adding up is exact, so the order does not matter.
class WordCounts {
 public:
  void add(const std::vector<std::string>& words);  // of one text
  void add_bytes(const std::string& bytes);
  std::string bytes() const;

  struct Count {
    int64_t texts = 0, occurrences = 0;
  };
  const std::unordered_map<std::string, Count>& counts() const { return counts_; }
  int64_t texts() const { return texts_; }

 private:
  std::unordered_map<std::string, Count> counts_;
  int64_t texts_ = 0;
};

class Vocabulary {
 public:
  Vocabulary() = default;
  // Keeps words in at least `min_texts` texts and at most `max_share` of them; of more than `most`, those in
  // the most texts (ties: the earlier by bytes).
  Vocabulary(const WordCounts& counts, const WordSettings& settings);
  // A vocabulary as it was saved.
  Vocabulary(std::vector<std::string> terms, std::vector<int64_t> texts_with,
             std::vector<int64_t> occurrences, int64_t texts);

  int64_t size() const { return static_cast<int64_t>(terms_.size()); }
  const std::vector<std::string>& terms() const { return terms_; }             // ascending by bytes
  const std::vector<int64_t>& texts_with() const { return texts_with_; }       // texts a term is in
  const std::vector<int64_t>& occurrences() const { return occurrences_; }     // of a term in all texts
  int64_t texts() const { return texts_; }                                     // counted, with words or not
  int32_t index(const std::string& term) const;                                // -1: not in it
  std::map<int32_t, double> bag(const std::vector<std::string>& words) const;  // term: count
  // ln((1 + texts) / (1 + texts with the term)) + 1, as scikit-learn's TfidfVectorizer.
  double inverse_frequency(int32_t term) const;

 private:
  std::vector<std::string> terms_;
  std::vector<int64_t> texts_with_, occurrences_;
  int64_t texts_ = 0;
  std::unordered_map<std::string, int32_t> index_;
  void make_index();
};

// A collective: every rank counts the words of its blocks of rows and receives the same vocabulary.
Vocabulary count_vocabulary(const PreparedReader& prepared, WordCutter& cutter, const WordSettings& settings,
                            const Communicator& communicator);

// Counts times inverse frequency, scaled to length 1 (a row without terms stays empty).
SparseRows tf_idf(const SparseRows& bags, const Vocabulary& vocabulary);

}  // namespace limner
