// JSON lines: one object a line. Numbers are kept as written, true and false become words, null and a key
// that is not there are missing values; an array of these becomes its elements parted by `|`. Blank lines are
// skipped.
#pragma once

#include <map>
#include <set>

#include "tables/byte_source.h"
#include "tables/reader.h"

namespace limner {

// Errors (bad_data): a JSON array instead of lines; at the end, a mapped key that no line has.
class JsonlReader : public TableReader {
 public:
  JsonlReader(const std::filesystem::path& path, const std::map<std::string, std::string>& fields,
              int64_t max_characters);
  bool next(Record& record) override;
  int64_t bytes_read() const override { return source_.bytes_read(); }
  int64_t file_bytes() const override { return source_.file_bytes(); }

 private:
  ByteSource source_;
  std::map<std::string, std::vector<size_t>, std::less<>> slots_of_key_;  // key -> indices of values
  size_t max_line_bytes_;
  int64_t max_characters_;
  std::string line_;
  std::vector<bool> slot_seen_;
  std::set<std::string> keys_seen_;  // bounded, for the message about a missing key
  int64_t objects_ = 0;

  enum class LineKind : uint8_t { none, whole, too_long };
  LineKind read_line(int64_t& number);
  void parse_line(Record& record);
  void check_keys() const;
};

}  // namespace limner
