// CSV (RFC 4180) and TSV: quotes, newlines and doubled quotes inside quotes, CRLF or LF, a header line. A
// quote inside an unquoted field is an ordinary character; blank lines are skipped.
#pragma once

#include "tables/byte_source.h"
#include "tables/reader.h"

namespace limner {

// Errors (bad_data): no header, a mapped column that is not there or is there twice, a quote left open. A
// quote is left open if the file ends inside it, or if its closing quote, on a later line, is followed by
// text: then it is the opening quote of another field and everything between was swallowed.
class CsvReader : public TableReader {
 public:
  CsvReader(const std::filesystem::path& path, char delimiter,
            const std::map<std::string, std::string>& fields, int64_t max_characters);
  bool next(Record& record) override;
  int64_t bytes_read() const override { return source_.bytes_read(); }
  int64_t file_bytes() const override { return source_.file_bytes(); }

 private:
  enum class FieldEnd : uint8_t { delimiter, record };

  ByteSource source_;
  char delimiter_;
  size_t max_bytes_;
  std::vector<std::vector<size_t>> slots_of_column_;  // indices into a record's values; none: not mapped
  std::string value_;

  void read_header(const std::map<std::string, std::string>& fields);
  bool skip_blank_lines();
  FieldEnd read_field(std::string& value, bool stored, Problem& problem);
  FieldEnd read_quoted(std::string& value, bool stored, Problem& problem);
  FieldEnd finish_after_quote(int64_t opened, Problem& problem);
  FieldEnd skip_record();
  void append(std::string& value, int byte, bool stored, Problem& problem) const;
};

}  // namespace limner
