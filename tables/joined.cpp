#include "tables/joined.h"

#include <string_view>
#include <utility>

namespace limner {
namespace {

constexpr std::string_view separator = " + ";

std::vector<std::string> parts_of(const std::string& columns) {
  std::vector<std::string> parts;
  size_t first = 0;
  for (size_t at; (at = columns.find(separator, first)) != std::string::npos; first = at + separator.size()) {
    parts.push_back(columns.substr(first, at - first));
  }
  parts.push_back(columns.substr(first));
  return parts;
}

class JoinedReader : public TableReader {
 public:
  JoinedReader(std::unique_ptr<TableReader> table, const std::map<std::string, std::string>& fields)
      : table_(std::move(table)) {
    const std::vector<std::string>& columns = table_->names();
    for (const auto& [name, source] : fields) {
      names_.push_back(name);
      std::vector<size_t> from;
      for (const std::string& part : parts_of(source)) {
        const std::string wanted = part_name(name, part);
        for (size_t column = 0; column < columns.size(); ++column) {
          if (columns[column] == wanted) from.push_back(column);
        }
      }
      from_.push_back(std::move(from));
    }
  }
  bool next(Record& record) override {
    if (!table_->next(read_)) return false;
    record.line = read_.line;
    record.problem = read_.problem;
    record.values.assign(from_.size(), {});
    for (size_t field = 0; field < from_.size() && read_.problem.none(); ++field) {
      std::string& value = record.values[field];
      for (const size_t column : from_[field]) {
        const std::string& part = read_.values[column];
        if (!value.empty() && !part.empty()) value += '\n';
        value += part;
      }
    }
    return true;
  }
  int64_t bytes_read() const override { return table_->bytes_read(); }
  int64_t file_bytes() const override { return table_->file_bytes(); }

  // One field a part for the reader underneath: the name that users gave, then the column.
  static std::string part_name(const std::string& name, const std::string& part) {
    return name + " from " + part;
  }

 private:
  std::unique_ptr<TableReader> table_;
  std::vector<std::vector<size_t>> from_;  // a field's columns in the reader underneath
  Record read_;
};

}  // namespace

bool joins_columns(const std::map<std::string, std::string>& fields) {
  for (const auto& [name, source] : fields) {
    if (source.find(separator) != std::string::npos) return true;
  }
  return false;
}

std::unique_ptr<TableReader> open_joined_table(const std::filesystem::path& path, TableFormat format,
                                               const std::map<std::string, std::string>& fields,
                                               int64_t max_characters) {
  std::map<std::string, std::string> parts;
  for (const auto& [name, source] : fields) {
    for (const std::string& part : parts_of(source)) parts.emplace(JoinedReader::part_name(name, part), part);
  }
  return std::make_unique<JoinedReader>(open_table(path, format, parts, max_characters), fields);
}

}  // namespace limner
