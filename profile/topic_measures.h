// How good topics are: coherence of their words, and agreement with categories of the table.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "profile/topics.h"

namespace limner {

constexpr size_t coherence_words = 10;

// In how many texts each first word of a topic, and each pair of them, stands.
class PairCounts {
 public:
  PairCounts(const std::vector<Topic>& topics, const Vocabulary& vocabulary);
  void add(const SparseRows& bags);
  std::span<int64_t> counts() { return counts_; }  // to be summed over the ranks
  // Mean over the pairs of the first ten words of ln(p(a, b) / (p(a) p(b))) / -ln p(a, b), -1 for a pair that
  // never meets (normalised pointwise mutual information, Bouma 2009). NaN with fewer than two words.
  double coherence(const Topic& topic, int64_t texts) const;

 private:
  std::map<std::string, size_t> place_of_word_;
  std::map<int32_t, size_t> place_of_term_;
  std::vector<int64_t> counts_;  // words x words, symmetric; the diagonal counts the word
  int64_t count(size_t a, size_t b) const { return counts_[a * place_of_word_.size() + b]; }
};

// One entry for every category field with 2 to 100 categories.
std::vector<TopicAgreement> agreements_with_categories(const PreparedReader& prepared,
                                                       const std::vector<int32_t>& topic_of_row);

}  // namespace limner
