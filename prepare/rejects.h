// rejects.jsonl, and how many rows were left out for which reason.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "runtime/files.h"
#include "tables/reader.h"

namespace limner {

// What became of the records of one source. read = kept + duplicates + rejected + without_texts.
struct SourceCounts {
  int64_t read = 0, kept = 0, duplicates = 0, rejected = 0;
  int64_t near_duplicates = 0;  // of the duplicates
  int64_t without_texts = 0;    // of a customer table: customers who wrote nothing
  std::map<std::string, int64_t> reasons;
  int64_t first_rejected_line = 0;
};

class RejectLog {
 public:
  explicit RejectLog(const fs::path& path) : file_(path) {}
  // One line: file, line, reason. Counts it too. Never holds a value of the record.
  void add(SourceCounts& counts, const std::string& file, int64_t line, const Problem& problem);
  // Counts a duplicate that is almost the same as another row, and lists it too.
  void add_near_duplicate(SourceCounts& counts, const std::string& file, int64_t line, int64_t of_line);
  void publish() { file_.publish(); }

 private:
  FileWriter file_;
  void write(const std::string& file, int64_t line, const Problem& problem);
};

}  // namespace limner
