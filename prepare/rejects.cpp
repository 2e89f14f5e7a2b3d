#include "prepare/rejects.h"

namespace limner {

void RejectLog::add(SourceCounts& counts, const std::string& file, int64_t line, const Problem& problem) {
  if (counts.rejected == 0) counts.first_rejected_line = line;
  ++counts.rejected;
  ++counts.reasons[problem.reason];
  const Json record{{"file", file}, {"line", line}, {"reason", problem.text()}};
  file_.write(record.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
}

}  // namespace limner
