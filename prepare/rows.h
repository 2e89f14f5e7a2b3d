// The table of texts: read, cleaned, duplicates dropped.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "prepare/clean.h"
#include "prepare/distinct.h"
#include "prepare/plan.h"
#include "prepare/rejects.h"
#include "runtime/root_work.h"

namespace limner {

// The rows that stay, in the order of the file; columns of equal length. Without a mapped text a row is a
// customer and its text is empty.
struct TextRows {
  std::vector<std::string> texts;
  std::vector<int64_t> characters;
  std::vector<Script> scripts;
  std::vector<int64_t> lines;
  std::vector<uint64_t> identity;  // hash of all that a row says; names it in random draws
  RawColumn customer;              // without a mapped customer each row is its own, named by its number
  std::vector<int64_t> times;      // missing_time where empty; no rows if not mapped
  RawColumn item;                  // no rows if not mapped
  std::vector<RawColumn> fields;   // as SourcePlan::fields
  SourceCounts counts;

  int64_t size() const { return static_cast<int64_t>(texts.size()); }
};

// Of a customer who stands in a table without texts twice, the first row stays: an equal one is a duplicate,
// another one is rejected. Blocks of records are read one after the other and cleaned on `threads` threads;
// the result does not depend on their number. Errors: those of the reader; no usable row (bad_data with the
// commonest reasons).
TextRows read_texts(const SourcePlan& source, const PrepareSettings& settings, int threads,
                    RejectLog& rejects, Heartbeat& heartbeat);

// No row is left: bad_data with the commonest reasons.
[[noreturn]] void fail_without_rows(const std::string& path, const SourceCounts& counts);

// The first problem of a record's fields: a missing value that is not allowed, a number or time that is none.
// `values` are by slot.
Problem check_values(const std::vector<FieldPlan>& fields, const std::vector<std::string>& values);

// Is more than the share `most` of the fields missing?
Problem check_share_missing(const std::vector<FieldPlan>& fields, const std::vector<std::string>& values,
                            double most);

}  // namespace limner
