// Sentiment by a lexicon: of every customer, and as a baseline beside the model's heads.
#pragma once

#include <string>
#include <vector>

#include "profile/customers.h"
#include "profile/lexicon.h"
#include "runtime/communicator.h"
#include "runtime/settings.h"
#include "tables/prepared.h"

namespace limner {

// What the lexicon's score alone tells of a head's field, on the texts that the head is measured on: the
// labelled ones of the test part, or of the validation part where the test part has none.
struct LexiconBaseline {
  std::string head, kind;  // single_label of two classes, or regression
  std::string part;        // test or validation
  int64_t texts = 0;
  double accuracy = 0, guess = 0;  // of the commonest class of the training texts
  double r2 = 0;                   // regression
};

struct Sentiment {
  double share_with_words = 0;  // of all texts
  double mean = 0;              // of those texts; NaN without one
  std::vector<LexiconBaseline> baselines;
};

// A collective; the result and Customers::sentiment are on rank 0 (elsewhere empty) and the same for any
// number of ranks.
Sentiment measure_sentiment(const PreparedReader& prepared, Customers& customers, const Lexicon& lexicon,
                            const std::vector<HeadSettings>& heads, const Communicator& communicator);

// Learned on the training texts: the threshold and its direction with the most right answers (ties: the
// lowest threshold). labels: 0 or 1. Scores that are NaN count as 0.
struct ScoreThreshold {
  double threshold = 0;
  bool above = true;  // at least the threshold is class 1
  bool predict(double score) const { return (score >= threshold) == above; }
};
ScoreThreshold learn_threshold(const std::vector<double>& scores, const std::vector<int32_t>& labels);

}  // namespace limner
