// prepared.h5: clean, joined, split rows. The schema stands here, once (docs/formats.md describes it for
// readers in Python).
//
//   /text/bytes uint8, /text/offsets int64 [rows + 1]     UTF-8 texts end to end; no byte: a table without
//                                                         texts, whose rows are customers
//   /customer int64 [rows]                                index into /customers
//   /split int8 [rows]                                    0 train, 1 validation, 2 test
//   /source int64 [rows, 2]                               index of the source file, line in it (1-based)
//   /time int64 [rows] (optional)                         microseconds since 1970-01-01 UTC; minimum of
//   int64:
//                                                         missing
//   /item/bytes, /item/offsets (optional)                 item names; empty: missing
//   /fields/<name>                                        one value a row, attribute `type`:
//       number: float64 [rows], NaN missing (a field of times: seconds since 1970-01-01 UTC)
//       category: int32 [rows], index into /categories/<name>, -1 missing
//       multi_category: int32, such indices end to end; row r has those from /offsets/<name> [rows + 1] of r
//   /customers/id/bytes, /customers/id/offsets            in the order of their first row
//   /customers/fields/<name>                              one value a customer, as in /fields
//   /fitted                                               one string, JSON: what was learned from the
//                                                         training rows (docs/formats.md); absent in old
//                                                         files
//   /categories/<name>                                    variable-length UTF-8 strings, ascending by bytes
// Root attributes: format, format_version, rows, customers, settings_sha256, sources, source_sha256, fields
// (their order). Field names are unique over rows and customers. Fletcher-32 on every chunk.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <string>
#include <vector>

namespace limner {

enum class FieldType : uint8_t { number, category, multi_category };
enum class Split : int8_t { train = 0, validation = 1, test = 2 };
constexpr int64_t missing_time = std::numeric_limits<int64_t>::min();

struct Field {
  std::string name;
  FieldType type = FieldType::category;
  bool of_customer = false;             // one value a customer, else one a row
  std::vector<std::string> categories;  // sorted by bytes; code = index
};

// One column's values; the vector that fits the type is filled.
struct FieldValues {
  std::vector<double> numbers;                    // NaN: missing
  std::vector<int32_t> codes;                     // -1: missing
  std::vector<std::vector<int32_t>> multi_codes;  // empty: missing
};

// The whole table in memory, as prepare hands it to the writer.
struct PreparedTable {
  std::vector<std::string> texts;
  std::vector<int64_t> customer;
  std::vector<Split> split;
  std::vector<std::pair<int64_t, int64_t>> source;
  std::vector<int64_t> time;       // empty: the table has no times
  std::vector<std::string> items;  // empty: no items
  std::vector<std::string> customer_ids;
  std::vector<Field> fields;
  std::vector<FieldValues> values;  // one per field; of_customer: per customer
  std::vector<std::string> source_names;
  std::vector<std::string> source_sha256;
  std::string settings_sha256;
  std::string fitted;  // JSON
};
// Atomic. A table whose columns do not fit together is an internal error.
void write_prepared(const std::filesystem::path& path, const PreparedTable& table);

class PreparedReader {
 public:
  // Errors: missing file (missing_input, "run limner prepare"), not this format or version, torn (bad_data).
  explicit PreparedReader(const std::filesystem::path& path);
  ~PreparedReader();
  int64_t rows() const;
  int64_t customers() const;
  bool has_texts() const;  // false: every text is empty, a row is a customer
  bool has_time() const;
  bool has_items() const;
  const std::vector<std::string>& source_names() const;
  const std::vector<Field>& fields() const;
  const Field& field(const std::string& name) const;  // unknown: bad_config naming the fields there are
  std::string sha256() const;                         // of the file
  std::string fitted() const;                         // /fitted; empty if the file has none

  // Rows [first, first + count).
  std::vector<std::string> texts(int64_t first, int64_t count) const;
  std::vector<std::string> items(int64_t first, int64_t count) const;
  std::vector<int64_t> customer_index(int64_t first, int64_t count) const;
  std::vector<Split> split(int64_t first, int64_t count) const;
  std::vector<std::pair<int64_t, int64_t>> source(int64_t first, int64_t count) const;
  std::vector<int64_t> time(int64_t first, int64_t count) const;
  FieldValues values(const std::string& field, int64_t first,
                     int64_t count) const;  // a customer's field is looked up per row
  // Customers.
  std::vector<std::string> customer_ids(int64_t first, int64_t count) const;
  FieldValues customer_values(const std::string& field) const;  // of_customer fields only

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace limner
