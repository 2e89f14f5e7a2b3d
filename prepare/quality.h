// quality.json: what was read, what was left out, and what the prepared rows look like.
#pragma once

#include <string>
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
// What deserves a look. kind: rejected, empty_part (field: the part), no_value, one_value, looks_like_text,
// not_numbers.
struct Warning {
  std::string kind, field;
  int64_t count = 0, of = 0;
  std::string message;
};
std::vector<Warning> find_warnings(const Prepared& prepared);

}  // namespace limner
