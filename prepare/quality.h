// quality.json: what was read, what was left out, and what the prepared rows look like.
#pragma once

#include <vector>

#include "prepare/joined_rows.h"
#include "runtime/files.h"

namespace limner {

// All that prepare knows when the rows are ready.
struct Prepared {
  const PrepareSettings& settings;
  const PreparePlan& plan;
  const JoinedRows& joined;
  const std::vector<DroppedColumn>& dropped;
  const std::vector<std::string>& source_sha256;  // as prepare.sources
};

// The schema stands in prepare.h. Of a field whose values look like names or free text, no value is shown.
Json describe_quality(const Prepared& prepared);

// The parts, for themselves.
Json describe_numbers(std::vector<double> values);  // min, p05, …, max, mean; null values if empty
Json describe_field(const TypedField& field);
bool looks_like_text(const TypedField& field);  // nearly every row has its own value: names, or free text
std::vector<std::string> find_warnings(const Prepared& prepared);

}  // namespace limner
