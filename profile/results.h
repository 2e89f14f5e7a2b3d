// Everything the profile stage found, as its files and the report read it. Vectors have one entry a customer.
#pragma once

#include <string>
#include <vector>

#include "extract/shards.h"
#include "profile/columns.h"
#include "profile/customers.h"
#include "profile/description.h"
#include "profile/fairness.h"
#include "profile/map.h"
#include "profile/neighbors.h"
#include "profile/regression.h"
#include "profile/segments.h"
#include "profile/traits.h"
#include "runtime/files.h"

namespace limner {

struct ProfileResults {
  Customers customers;
  std::vector<CustomerColumn> columns;
  Segmentation segmentation;
  std::vector<SegmentDescription> descriptions;  // one a segment
  std::vector<Trait> traits;
  CustomerMap map;
  Neighbors neighbors;
  std::vector<Regression> regressions;
  std::vector<GroupComparison> comparisons;
  bool has_items = false;
  ShardProvenance provenance;
  std::string settings_sha256;  // of the section `profile`

  std::string segment_title(size_t segment) const;  // its three most typical words; without words its traits
};

// The files of profile/, into an existing folder (docs/report.md describes them).
void write_profiles_hdf5(const fs::path& path, const ProfileResults& results);
void write_profiles_jsonl(const fs::path& path, const ProfileResults& results);
Json segments_json(const ProfileResults& results);
Json regression_json(const ProfileResults& results);
Json fairness_json(const ProfileResults& results);

// A number rounded to six significant digits; not finite: null.
Json rounded(double value);

// "2014-03-16" of microseconds since 1970; missing_time: "".
std::string format_date(int64_t microseconds);

}  // namespace limner
