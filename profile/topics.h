// Topics of all texts: fitted over the ranks, measured, and averaged per customer.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "profile/customers.h"
#include "profile/topic_model.h"
#include "profile/vocabulary.h"
#include "runtime/communicator.h"
#include "tables/prepared.h"

namespace limner {

struct TopicWord {
  std::string word;
  double probability = 0;  // in the topic
  double lift = 0;         // probability in the topic / share among all words
};

struct Topic {
  std::vector<TopicWord> words;  // the fifteen most telling, best first
  double share = 0;              // of what all texts say: the mean mixture
  int64_t texts = 0;             // of which it is the largest topic
  double coherence = 0;          // mean NPMI of pairs of its ten first words, counted over texts
  std::string title() const;     // its three first words
};

// How far the largest topic of each text tells a category of the table: normalised mutual information (twice
// the mutual information over the sum of the entropies).
struct TopicAgreement {
  std::string field;
  double information = 0;
  int64_t texts = 0;
};

struct Topics {
  Vocabulary vocabulary;
  TopicModel model;  // topics in falling order of their words
  std::vector<Topic> topics;
  int64_t texts_with_words = 0;
  Matrix customers;              // customers x topics: mean mixture of the texts with words; NaN without one
  std::vector<int32_t> of_text;  // the largest topic of each row; -1: no word of the vocabulary
  std::vector<TopicAgreement> agreements;
  int64_t count() const { return static_cast<int64_t>(topics.size()); }
  double coherence() const;  // mean over the topics
};

struct SavedTopics {
  Vocabulary vocabulary;
  TopicModel model;
};

struct TopicRun {
  const TopicSettings& settings;
  uint64_t seed = 0;
  int threads = 1;
  std::filesystem::path scratch;  // folder for the bags of words
};

// A collective; the result is on rank 0 (elsewhere empty) and the same bytes for any number of ranks and
// threads: statistics are summed in blocks of 128 rows, the blocks of a batch in a seeded order. Nothing is
// found for k: 0, or auto and few texts. Errors: k is set and no text has a word of the vocabulary
// (bad_data).
Topics find_topics(const PreparedReader& prepared, const Customers& customers, WordCutter& cutter,
                   const Vocabulary& vocabulary, const TopicRun& run, const Communicator& communicator);

// The topics of an earlier run in texts it has not seen, described by these; the rest as find_topics. The
// cutter has that run's words when profile.words is the same.
Topics apply_topics(const PreparedReader& prepared, const Customers& customers, WordCutter& cutter,
                    SavedTopics saved, const std::filesystem::path& scratch,
                    const Communicator& communicator);

// Twice the mutual information of two labellings over the sum of their entropies; pairs with -1 are left out.
double normalised_mutual_information(const std::vector<int32_t>& left, const std::vector<int32_t>& right);

// The words that tell most about a topic: 0.6 ln p(word | topic) + 0.4 ln lift (relevance; Sievert and
// Shirley, "LDAvis", 2014).
std::vector<TopicWord> telling_words(const TopicModel& model, const Vocabulary& vocabulary, int64_t topic,
                                     size_t most);

// topics.h5: the model, for mixtures of texts never seen (docs/formats.md).
void write_topics_hdf5(const std::filesystem::path& path, const Topics& topics);
SavedTopics read_topics_hdf5(const std::filesystem::path& path);

}  // namespace limner
