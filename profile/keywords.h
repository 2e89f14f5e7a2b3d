// What each customer writes about: keywords and the sentence that says most of it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "profile/customers.h"
#include "profile/vocabulary.h"
#include "runtime/communicator.h"
#include "tables/prepared.h"

namespace limner {

struct Keyword {
  std::string word;
  double score = 0;
};

struct KeyPhrases {
  std::vector<Keyword> words;  // best first; ties: the earlier word
  int64_t row = -1;            // of the prepared table, where the sentence stands; -1: none
  std::string sentence;
};

// Of one customer's texts. A word's score is its class-based TF-IDF (Grootendorst, "BERTopic", 2022), every
// customer a class: its share of the customer's words times ln(1 + words_per_customer / its occurrences in
// all texts). The sentence is the one of twelve bytes or more whose TF-IDF vector is most similar (cosine) to
// the mean of those of the texts; ties: the earlier. `row` is its text's place among `texts`.
KeyPhrases key_phrases(const std::vector<std::string>& texts, WordCutter& cutter,
                       const Vocabulary& vocabulary, double words_per_customer, int64_t most);

// A collective over all customers; the result, one entry a profiled customer, is on rank 0. Without
// `quote_texts` there are no sentences; with most = 0 nothing.
std::vector<KeyPhrases> find_key_phrases(const PreparedReader& prepared, const Customers& customers,
                                         WordCutter& cutter, const Vocabulary& vocabulary, int64_t most,
                                         bool quote_texts, const Communicator& communicator);

}  // namespace limner
