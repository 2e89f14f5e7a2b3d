// Word vectors of the user's (word2vec, GloVe), averaged per text and customer.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "profile/customers.h"
#include "profile/vocabulary.h"
#include "runtime/communicator.h"
#include "tables/prepared.h"

namespace limner {

// Vectors of a vocabulary's words; those of all other words are passed over while reading, so memory holds
// terms x width floats. Words are looked up as they stand in the file; the first of equal ones counts.
class WordVectors {
 public:
  // .bin: word2vec's binary form (a line "words width", then word, blank, width float32, little endian).
  // Else text, a word and its numbers a line, parted by blanks: after a line "words width" word2vec's,
  // without it GloVe's. Errors: missing (missing_input); torn, another number of numbers in a line, one that
  // is none or not finite, no word of the vocabulary (bad_data, with the line or word's place).
  WordVectors(const std::filesystem::path& path, const Vocabulary& vocabulary);
  // As they were saved: terms x width, NaN where a term has none.
  WordVectors(std::span<const float> values, int64_t width);
  int64_t width() const { return width_; }
  const float* of(int32_t term) const;  // null: has none
  // The mean over the words of a bag, each counted as often as it stands there; false: none has a vector.
  bool mean(const std::map<int32_t, double>& bag, double* out) const;

 private:
  int64_t width_ = 0;
  std::vector<int64_t> place_;  // of each term in values_, -1 none
  std::vector<float> values_;
  void read_binary(const std::filesystem::path& path, const Vocabulary& vocabulary);
  void read_text(const std::filesystem::path& path, const Vocabulary& vocabulary);
  float* add(const std::string& word, const Vocabulary& vocabulary);
};

struct WordVectorMeans {
  int64_t width = 0;                     // 0: not asked for
  Matrix customers;                      // mean over the customer's texts that have one; NaN without
  int64_t terms = 0, missing_terms = 0;  // of the vocabulary
  int64_t occurrences = 0, missing_occurrences = 0;  // of its words in all texts
};

// A vocabulary and the vectors of its words; where they were read, the SHA-256 of the file of vectors.
struct WordVectorModel {
  Vocabulary vocabulary;
  WordVectors vectors;
  std::string sha256;
};

// A collective; the result is on rank 0. Writes the vector of every text to `folder` in the form of
// embeddings/ (extract/shards.h; a text without such a word: NaN), so that whatever reads that reads this.
WordVectorMeans average_word_vectors(const PreparedReader& prepared, const Customers& customers,
                                     WordCutter& cutter, const WordVectorModel& model,
                                     const std::filesystem::path& folder, const Communicator& communicator);

// customers x width: a customer without a word that has a vector stands at `mean`.
Matrix with_mean_for_missing(const Matrix& vectors, const Eigen::RowVectorXd& mean);
// The mean over the customers who have one.
Eigen::RowVectorXd mean_of_known(const Matrix& vectors);

// models/word_vectors.h5 (docs/formats.md).
void write_word_vectors_hdf5(const std::filesystem::path& path, const WordVectorModel& model);
// Errors: missing (missing_input), not such a file (bad_data).
WordVectorModel read_word_vectors_hdf5(const std::filesystem::path& path);

}  // namespace limner
