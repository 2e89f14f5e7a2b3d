#include "tables/csv.h"

#include <algorithm>

#include "runtime/error.h"
#include "tables/utf8.h"

namespace limner {

namespace {

constexpr size_t longest_header_cell = 64 * 1024;
constexpr size_t most_columns = 100000;
constexpr int end_of_file = ByteSource::end_of_file;

// Column names for a message. A file without a header has a customer's words there: they are cut short.
std::string list_columns(const std::vector<std::string>& columns) {
  std::string list;
  for (size_t index = 0; index < columns.size() && index < 40; ++index) {
    std::string name = columns[index].substr(0, 40);
    while (!valid_utf8(name)) name.pop_back();
    list += (index == 0 ? "" : ", ") + name;
  }
  return columns.size() > 40 ? list + ", …" : list;
}

}  // namespace

CsvReader::CsvReader(const std::filesystem::path& path, char delimiter,
                     const std::map<std::string, std::string>& fields, int64_t max_characters)
    : source_(path), delimiter_(delimiter), max_bytes_(longest_header_cell) {
  read_header(fields);
  max_bytes_ = static_cast<size_t>(max_characters) * 4;
}

void CsvReader::read_header(const std::map<std::string, std::string>& fields) {
  if (!skip_blank_lines()) fail(ExitCode::bad_data, "{}: is empty; a header line is wanted", source_.name());
  std::vector<std::string> columns;
  Problem problem;
  FieldEnd end = FieldEnd::delimiter;
  while (end == FieldEnd::delimiter && columns.size() < most_columns) {
    columns.emplace_back();
    end = read_field(columns.back(), true, problem);
    if (!valid_utf8(columns.back())) {
      fail(ExitCode::bad_data, "{}:1: the header is not UTF-8; convert the file (iconv -f GB18030 -t UTF-8)",
           source_.name());
    }
  }
  if (!problem.none() || end != FieldEnd::record) {
    fail(ExitCode::bad_data, "{}:1: the header cannot be read: {}", source_.name(), problem.text());
  }

  slots_of_column_.resize(columns.size());
  for (const auto& [field, column] : fields) {
    const auto found = std::count(columns.begin(), columns.end(), column);
    if (found != 1) {
      fail(ExitCode::bad_data, "{}:1: {} column `{}` for field `{}`; the columns are: {}", source_.name(),
           found == 0 ? "no" : "more than one", column, field, list_columns(columns));
    }
    const auto position = std::find(columns.begin(), columns.end(), column) - columns.begin();
    slots_of_column_[static_cast<size_t>(position)].push_back(names_.size());
    names_.push_back(field);
  }
}

bool CsvReader::skip_blank_lines() {
  while (true) {
    const int byte = source_.peek();
    if (byte == end_of_file) return false;
    if (byte != '\n' && byte != '\r') return true;
    source_.next();
  }
}

bool CsvReader::next(Record& record) {
  if (!skip_blank_lines()) return false;
  record.line = source_.line();
  record.problem = {};
  record.values.resize(names_.size());
  for (std::string& value : record.values) value.clear();

  static const std::vector<size_t> not_mapped;
  size_t column = 0;
  FieldEnd end = FieldEnd::delimiter;
  for (; end == FieldEnd::delimiter; ++column) {
    const std::vector<size_t>& slots =
        column < slots_of_column_.size() ? slots_of_column_[column] : not_mapped;
    value_.clear();
    end = read_field(value_, !slots.empty(), record.problem);
    for (const size_t slot : slots) record.values[slot] = value_;
  }
  if (record.problem.none() && column != slots_of_column_.size()) {
    record.problem = {"wrong number of fields",
                      fmt::format("{}, the header has {}", column, slots_of_column_.size())};
  }
  if (record.problem.none() && !std::all_of(record.values.begin(), record.values.end(), valid_utf8)) {
    record.problem = {"broken UTF-8", ""};
  }
  return true;
}

void CsvReader::append(std::string& value, int byte, bool stored, Problem& problem) const {
  if (!stored) return;
  if (value.size() < max_bytes_) {
    value.push_back(static_cast<char>(byte));
  } else if (problem.none()) {
    problem = {"value too long", "more than prepare.clean.max_characters"};
  }
}

CsvReader::FieldEnd CsvReader::read_field(std::string& value, bool stored, Problem& problem) {
  if (source_.peek() == '"') return read_quoted(value, stored, problem);
  while (true) {
    const int byte = source_.next();
    if (byte == delimiter_) return FieldEnd::delimiter;
    if (byte == '\n' || byte == end_of_file) return FieldEnd::record;
    if (byte == '\r' && (source_.peek() == '\n' || source_.peek() == end_of_file)) continue;
    append(value, byte, stored, problem);
  }
}

CsvReader::FieldEnd CsvReader::read_quoted(std::string& value, bool stored, Problem& problem) {
  const int64_t opened = source_.line();
  source_.next();
  while (true) {
    const int byte = source_.next();
    if (byte == end_of_file) {
      fail(ExitCode::bad_data,
           "{}:{}: a quote is left open: the field that starts in this line runs to the end of the file; "
           "close or double the quote",
           source_.name(), opened);
    }
    if (byte != '"') {
      append(value, byte, stored, problem);
    } else if (source_.peek() == '"') {
      append(value, source_.next(), stored, problem);
    } else {
      return finish_after_quote(opened, problem);
    }
  }
}

CsvReader::FieldEnd CsvReader::finish_after_quote(int64_t opened, Problem& problem) {
  const int64_t closed = source_.line();
  const int byte = source_.next();
  if (byte == delimiter_) return FieldEnd::delimiter;
  if (byte == '\n' || byte == end_of_file) return FieldEnd::record;
  if (byte == '\r' && (source_.peek() == '\n' || source_.peek() == end_of_file)) {
    source_.next();
    return FieldEnd::record;
  }
  if (closed != opened) {
    fail(
        ExitCode::bad_data,
        "{}:{}: a quote is left open: the field that starts in this line meets its closing quote in line {}, "
        "and text follows there; close or double the quote",
        source_.name(), opened, closed);
  }
  problem = {"text after a closing quote", ""};
  return skip_record();
}

// Where the fields of a line cannot be told apart any more, the line is the record.
CsvReader::FieldEnd CsvReader::skip_record() {
  int byte = source_.next();
  while (byte != '\n' && byte != end_of_file) byte = source_.next();
  return FieldEnd::record;
}

}  // namespace limner
