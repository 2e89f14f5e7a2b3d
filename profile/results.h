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
#include "profile/recommendation.h"
#include "profile/regression.h"
#include "profile/segments.h"
#include "profile/topics.h"
#include "profile/traits.h"
#include "runtime/files.h"

namespace limner {

struct ProfileResults {
  Customers customers;
  std::vector<CustomerColumn> columns;
  Segmentation segmentation;
  std::vector<SegmentDescription> descriptions;  // one a segment
  std::vector<KeyPhrases> key_phrases;           // one a customer; empty: not asked for
  std::vector<Trait> traits;
  Topics topics;
  Recommendations recommendations;
  Actions actions;
  CustomerMap map;
  Neighbors neighbors;
  std::vector<Regression> regressions;
  std::vector<Classification> classifications;
  std::vector<GroupComparison> comparisons;
  bool has_items = false;
  ShardProvenance provenance;
  std::string settings_sha256;  // of the section `profile`

  std::string segment_title(size_t segment) const;  // its three most typical words; without words its traits
  int64_t customers_of_topic(size_t topic) const;   // whose largest topic it is
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
