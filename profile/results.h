// Everything the profile stage found, as its files and the report read it. Vectors have one entry a customer.
#pragma once

#include <string>
#include <vector>

#include "extract/shards.h"
#include "profile/actions.h"
#include "profile/classification.h"
#include "profile/columns.h"
#include "profile/customers.h"
#include "profile/description.h"
#include "profile/fairness.h"
#include "profile/keywords.h"
#include "profile/map.h"
#include "profile/neighbors.h"
#include "profile/phrases.h"
#include "profile/recommendation.h"
#include "profile/regression.h"
#include "profile/segments.h"
#include "profile/sentiment.h"
#include "profile/topics.h"
#include "profile/traits.h"
#include "profile/unknown_tokens.h"
#include "profile/word_vectors.h"
#include "runtime/files.h"

namespace limner {

// A model of an earlier run and what it predicts of these customers (profile.fitted_from).
struct AppliedModel {
  std::string name, positive;
  bool two_classes = false;
  double threshold = 0.5;         // of two classes: from where on a customer is selected; infinite: nobody
  std::vector<double> predicted;  // a customer each; of more than two classes empty, and instead:
  std::vector<std::string> classes;
  Matrix chances;  // customers x classes
  const std::string& likeliest(size_t customer) const;
};

struct ProfileResults {
  Customers customers;
  std::vector<CustomerColumn> columns;
  Segmentation segmentation;
  std::string segment_vectors;  // that segments are made of: texts, word_vectors or attributes
  std::vector<SegmentDescription> descriptions;  // one a segment
  std::vector<KeyPhrases> key_phrases;           // one a customer; empty: not asked for
  std::vector<Trait> traits;
  Topics topics;
  Sentiment sentiment;
  WordVectorMeans word_vectors;
  UnknownTokens unknown_tokens;
  Recommendations recommendations;
  Actions actions;
  CustomerMap map;
  Neighbors neighbors;
  std::vector<Regression> regressions;
  std::vector<Classification> classifications;
  std::vector<GroupComparison> comparisons;
  std::vector<AppliedModel> applied;
  std::vector<std::string> titles;  // of the segments of an earlier run, which these customers were put into
  bool has_items = false;
  Language language = Language::english;  // of the report and of titles made of traits
  ShardProvenance provenance;
  std::string settings_sha256;  // of the section `profile`

  bool fitted_before() const { return !titles.empty(); }
  // The earlier run's; else the segment's three most typical words; without words its traits.
  std::string segment_title(size_t segment) const;
  int64_t customers_of_topic(size_t topic) const;  // whose largest topic it is
};

// The files of profile/, into an existing folder (docs/report.md describes them).
void write_profiles_hdf5(const fs::path& path, const ProfileResults& results);
void write_profiles_jsonl(const fs::path& path, const ProfileResults& results);
Json segments_json(const ProfileResults& results);
Json regression_json(const ProfileResults& results);
Json classification_json(const ProfileResults& results, const Classification& classification);
Json fairness_json(const ProfileResults& results);
Json topics_json(const ProfileResults& results);
void write_recommendations_jsonl(const fs::path& path, const ProfileResults& results);
Json recommendation_json(const ProfileResults& results);
// texts.json: the lexicon beside the heads, unknown tokens, words without a vector.
Json texts_json(const ProfileResults& results);
// The same numbers as tables: segments.csv, customers.csv, topics.csv and models.csv (scores of every model).
void write_tables_csv(const fs::path& folder, const ProfileResults& results);
Json sources_json(const ProfileResults& results);  // what all of these were made from

// All that is known of the profiled customers, for rules and audiences: texts, tokens, days since the last
// text, segment, attributes, "HEAD = CLASS" (mean prediction), "TARGET predicted" and "TARGET = CLASS
// predicted" (out of fold), "topic 1", "items".
std::vector<CustomerColumn> customer_table(const ProfileResults& results);

// A number rounded to six significant digits; not finite: null.
Json rounded(double value);

// "2014-03-16" of microseconds since 1970; missing_time: "".
std::string format_date(int64_t microseconds);

}  // namespace limner
