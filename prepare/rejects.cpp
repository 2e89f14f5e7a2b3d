#include "prepare/rejects.h"

#include <fmt/format.h>

namespace limner {

void RejectLog::add(SourceCounts& counts, const std::string& file, int64_t line, const Problem& problem) {
  if (counts.rejected == 0) counts.first_rejected_line = line;
  ++counts.rejected;
  ++counts.reasons[problem.reason];
  write(file, line, problem);
}

void RejectLog::add_near_duplicate(SourceCounts& counts, const std::string& file, int64_t line,
                                   int64_t of_line) {
  ++counts.duplicates;
  ++counts.near_duplicates;
  write(file, line, {"near-duplicate", fmt::format("of line {}", of_line)});
}

void RejectLog::write(const std::string& file, int64_t line, const Problem& problem) {
  const Json record{{"file", file}, {"line", line}, {"reason", problem.text()}};
  file_.write(record.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
}

}  // namespace limner
