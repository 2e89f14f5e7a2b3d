#include "prepare/customers.h"

#include "prepare/reading.h"
#include "runtime/error.h"

namespace limner {

namespace {

class Joiner {
 public:
  Joiner(const SourcePlan& source, double most_missing, const Distinct& customers, RejectLog& rejects,
         CustomerTable& table)
      : source_(source),
        most_missing_(most_missing),
        customers_(customers),
        rejects_(rejects),
        table_(table) {
    const auto count = static_cast<size_t>(customers.size());
    table_.fields.resize(source.fields.size());
    for (RawColumn& column : table_.fields) column.codes.assign(count, -1);
    table_.present.assign(count, false);
    lines_.assign(count, 0);
  }

  void add(const Record& record) {
    ++table_.counts.read;
    if (!record.problem.none()) return reject(record, record.problem);
    std::vector<std::string> values;
    for (const std::string& value : record.values) values.push_back(clean_value(value));
    const std::string& id = values[source_.customer->slot];
    if (id.empty()) return reject(record, {"missing customer", ""});
    Problem problem = check_values(source_.fields, values);
    if (problem.none()) problem = check_share_missing(source_.fields, values, most_missing_);
    if (!problem.none()) return reject(record, problem);
    if (const Rule* rule = first_broken(source_.rules, {values.begin(), values.end()})) {
      enforce(*rule, source_.path, record.line);
      return reject(record, rule_problem(*rule));
    }

    const auto customer = customers_.find(id);
    if (!customer) {
      ++table_.counts.without_texts;
      return;
    }
    const auto index = static_cast<size_t>(*customer);
    if (!table_.present[index]) return store(index, record.line, values);
    if (equals(index, values)) {
      ++table_.counts.duplicates;
    } else {
      reject(record,
             {"customer stands twice with different values", fmt::format("first in line {}", lines_[index])});
    }
  }

 private:
  const SourcePlan& source_;
  double most_missing_;
  const Distinct& customers_;
  RejectLog& rejects_;
  CustomerTable& table_;
  std::vector<int64_t> lines_;  // where each customer stands

  void reject(const Record& record, const Problem& problem) {
    rejects_.add(table_.counts, source_.path, record.line, problem);
  }

  void store(size_t customer, int64_t line, const std::vector<std::string>& values) {
    ++table_.counts.kept;
    table_.present[customer] = true;
    lines_[customer] = line;
    for (size_t field = 0; field < source_.fields.size(); ++field) {
      RawColumn& column = table_.fields[field];
      const std::string& value = values[source_.fields[field].slot];
      if (!value.empty()) column.codes[customer] = column.values.code(value);
    }
  }

  bool equals(size_t customer, const std::vector<std::string>& values) const {
    for (size_t field = 0; field < source_.fields.size(); ++field) {
      const RawColumn& column = table_.fields[field];
      const int32_t code = column.codes[customer];
      if (values[source_.fields[field].slot] != (code < 0 ? std::string() : column.values[code]))
        return false;
    }
    return true;
  }
};

}  // namespace

CustomerTable read_customer_table(const SourcePlan& source, const PrepareSettings& settings,
                                  const Distinct& customers, RejectLog& rejects, Heartbeat& heartbeat) {
  CustomerTable table;
  Joiner joiner(source, settings.max_missing.row, customers, rejects, table);
  SourceReading reading(source, settings.clean.max_characters, heartbeat);
  while (true) {
    const std::vector<Record>& block = reading.next_block();
    if (block.empty()) break;
    for (const Record& record : block) joiner.add(record);
  }
  if (table.counts.read == table.counts.rejected) fail_without_rows(source.path, table.counts);
  if (table.counts.kept == 0) {
    fail(ExitCode::bad_data,
         "{}: none of its {} customers stands in the table that gives the rows; does the column `{}` hold "
         "the same names as `customer` there?",
         source.path, table.counts.without_texts, source.columns.at("customer"));
  }
  return table;
}

}  // namespace limner
