// Raw tables, record by record: CSV, TSV and JSON lines, plain or gzip, behind one interface.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace limner {

// Why a record cannot be used. Details never hold a value of the record: they go to files that are passed on.
struct Problem {
  std::string reason;  // a fixed phrase, counted in quality.json
  std::string detail;
  bool none() const { return reason.empty(); }
  std::string text() const { return detail.empty() ? reason : reason + ": " + detail; }
};

struct Record {
  int64_t line = 0;                 // where the record starts, 1-based
  std::vector<std::string> values;  // one a mapped field, in the order of TableReader::names(); "" is missing
  Problem problem;                  // if any, the values are not to be used
};

class TableReader {
 public:
  virtual ~TableReader() = default;
  // The next record; false at the end. Reads a bounded part of the file, whatever it holds. A record that
  // cannot be used is returned with its problem; a file that cannot be read on is bad_data with its line.
  virtual bool next(Record& record) = 0;
  virtual int64_t bytes_read() const = 0;  // of file_bytes(), for progress
  virtual int64_t file_bytes() const = 0;
  const std::vector<std::string>& names() const { return names_; }

 protected:
  std::vector<std::string> names_;
};

enum class TableFormat : uint8_t { csv, tsv, jsonl };
// "auto" goes by the file's name (.csv, .tsv, .jsonl, .ndjson, each also with .gz); bad_config if that says
// nothing.
TableFormat table_format(const std::filesystem::path& path, const std::string& setting);

// `fields`: Limner's name of a field -> the column or key that holds it, or several joined by ` + `
// (tables/joined.h). Columns not named there are not
// looked at. max_characters: a longer value makes its record a problem, and is never held in memory whole.
std::unique_ptr<TableReader> open_table(const std::filesystem::path& path, TableFormat format,
                                        const std::map<std::string, std::string>& fields,
                                        int64_t max_characters);

}  // namespace limner
