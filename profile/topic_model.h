// Latent Dirichlet allocation by online variational Bayes: Hoffman, Blei and Bach, "Online learning for
// latent Dirichlet allocation", NIPS 2010; the equations' numbers are theirs.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "profile/vocabulary.h"

namespace limner {

// What is learned: the variational parameters of the topics' words.
struct TopicModel {
  int64_t topics = 0;
  double alpha = 0.1;          // prior of a text's topics
  double eta = 0.05;           // prior of a topic's words
  std::vector<double> weight;  // lambda, terms x topics
  int64_t updates = 0;

  int64_t terms() const { return topics > 0 ? static_cast<int64_t>(weight.size()) / topics : 0; }
  std::vector<double> topic_weights() const;  // sum over the terms, per topic
};

// Starts at normal draws of mean 1 and deviation 0.1 (nearly the usual Gamma(100, 1/100)), keyed by term and
// topic.
TopicModel start_topics(int64_t topics, int64_t terms, double alpha, double eta, uint64_t seed);

// Terms of some texts and what those texts add to them (the sum over words of equation 6), terms x topics.
struct TopicStatistics {
  std::vector<int32_t> terms;  // ascending
  std::vector<double> values;
};

// The E step against fixed topics. A text's topics start even and are improved until they move by less than
// 0.001 on average, at most 100 times (both as scikit-learn).
class TopicInference {
 public:
  explicit TopicInference(const TopicModel& model);
  // rows x topics: the mixture of each text (gamma scaled to sum 1); of a text without terms, even.
  std::vector<double> mixtures(const SparseRows& bags) const;
  TopicStatistics statistics(const SparseRows& bags) const;

 private:
  struct Text {
    std::vector<double> gamma, exp_log_theta, ratio;  // ratio: count / normaliser, per term of the text
  };
  Text infer(const SparseRows& bags, size_t row) const;
  int64_t topics_;
  double alpha_;
  std::vector<double> exp_log_beta_;  // terms x topics
};

// The M step (equations 7 and 8): rho = (10 + updates)^-0.7; the batch of `texts` stands for `all_texts`.
// sums: terms x topics.
void update_topics(TopicModel& model, std::span<const double> sums, int64_t texts, int64_t all_texts);

}  // namespace limner
