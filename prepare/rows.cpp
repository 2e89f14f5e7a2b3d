#include "prepare/rows.h"

#include <algorithm>
#include <optional>
#include <unordered_map>

#include "prepare/near_duplicates.h"
#include "prepare/reading.h"
#include "prepare/values.h"
#include "runtime/error.h"
#include "runtime/parallel.h"
#include "runtime/random.h"
#include "tables/prepared.h"
#include "tables/utf8.h"

namespace limner {

namespace {

// One record, cleaned: what a thread makes of it alone.
struct CleanRow {
  Problem problem;
  const Rule* broken = nullptr;  // the problem, if it is a rule's
  CleanText text;
  std::vector<std::string> values;  // by slot; that of the text is empty
  int64_t time = missing_time;
  uint64_t identity = 0;
  std::vector<uint32_t> bands;  // of NearDuplicates, if wanted

  const std::string& of(const std::optional<KeyPlan>& key) const {
    static const std::string none;
    return key ? values[key->slot] : none;
  }
};

Problem check_text(const CleanText& text, const CleanSettings& settings) {
  if (text.text.empty()) return {"empty text", ""};
  if (text.characters < settings.min_characters)
    return {"text too short", "less than prepare.clean.min_characters"};
  return {};
}

// Customer, time and item.
Problem check_keys(const SourcePlan& source, CleanRow& row) {
  if (source.customer && row.of(source.customer).empty()) return {"missing customer", ""};
  if (source.time) {
    const std::string& written = row.of(source.time);
    if (written.empty()) {
      if (source.time->missing == MissingPolicy::reject) return {"missing value", "field time"};
    } else {
      const auto parsed = parse_time(written);
      if (!parsed) return {"bad time", "field time"};
      row.time = *parsed;
    }
  }
  if (source.item && row.of(source.item).empty() && source.item->missing == MissingPolicy::reject) {
    return {"missing value", "field item"};
  }
  return {};
}

uint64_t hash_row(const SourcePlan& source, const CleanRow& row) {
  uint64_t hash = stable_hash(row.text.text);
  hash = stable_hash(row.of(source.customer), hash);
  hash = stable_hash(row.of(source.item), hash);
  for (const FieldPlan& field : source.fields) hash = stable_hash(row.values[field.slot], hash);
  return stable_hash(std::string_view(reinterpret_cast<const char*>(&row.time), sizeof(row.time)), hash);
}

const Rule* find_broken_rule(const SourcePlan& source, const CleanRow& row) {
  if (source.rules.empty()) return nullptr;
  std::vector<std::string_view> values(row.values.begin(), row.values.end());
  if (source.text) values[source.text->slot] = row.text.text;
  return first_broken(source.rules, values);
}

CleanRow clean_row(const Record& record, const SourcePlan& source, const PrepareSettings& settings) {
  CleanRow row;
  row.problem = record.problem;
  if (!row.problem.none()) return row;
  if (source.text) {
    const std::string& raw = record.values[source.text->slot];
    if (count_characters(raw) > settings.clean.max_characters) {
      row.problem = {"value too long", "more than prepare.clean.max_characters"};
      return row;
    }
    row.text = clean_text(raw, settings.clean);
    row.problem = check_text(row.text, settings.clean);
  }
  for (size_t slot = 0; slot < record.values.size(); ++slot) {
    const bool is_text = source.text && slot == source.text->slot;
    row.values.push_back(is_text ? std::string() : clean_value(record.values[slot]));
  }
  if (row.problem.none()) row.problem = check_keys(source, row);
  if (row.problem.none()) row.problem = check_values(source.fields, row.values);
  if (row.problem.none())
    row.problem = check_share_missing(source.fields, row.values, settings.max_missing.row);
  if (row.problem.none()) row.broken = find_broken_rule(source, row);
  if (row.broken) row.problem = rule_problem(*row.broken);
  if (row.problem.none()) row.identity = hash_row(source, row);
  return row;
}

// Appends rows and finds those that stand there already.
class Collector {
 public:
  Collector(const SourcePlan& source, const PrepareSettings& settings, RejectLog& rejects, TextRows& rows)
      : source_(source), drop_duplicates_(settings.duplicates == "drop"), rejects_(rejects), rows_(rows) {
    if (settings.near_duplicates.threshold) near_.emplace(settings.near_duplicates);
    rows_.fields.resize(source.fields.size());
  }

  void add(const Record& record, CleanRow&& row) {
    ++rows_.counts.read;
    if (!row.problem.none()) {
      if (row.broken) enforce(*row.broken, source_.path, record.line);
      rejects_.add(rows_.counts, source_.path, record.line, row.problem);
      return;
    }
    if (near_) {
      if (const auto near = near_->find(row.text.text, row.bands, rows_.texts)) {
        drop_near(record, row, *near);
        return;
      }
    }
    if (!source_.text && source_.customer) {
      if (const auto known = rows_.customer.values.find(row.of(source_.customer))) {
        repeat_customer(record, row, static_cast<size_t>(*known));
        return;
      }
    }
    const Codes codes = encode(row);
    if (drop_duplicates_ && is_duplicate(row, codes)) {
      ++rows_.counts.duplicates;
      return;
    }
    append(record, std::move(row), codes);
  }

  const NearDuplicates* near() const { return near_ ? &*near_ : nullptr; }

 private:
  struct Codes {
    int32_t customer = 0, item = -1;
    std::vector<int32_t> fields;
  };
  const SourcePlan& source_;
  bool drop_duplicates_;
  std::optional<NearDuplicates> near_;
  RejectLog& rejects_;
  TextRows& rows_;
  std::unordered_multimap<uint64_t, int64_t> rows_of_identity_;

  static int32_t code_of(RawColumn& column, const std::string& value) {
    return value.empty() ? -1 : column.values.code(value);
  }

  // A value that is new here belongs to a row that is no duplicate, so it stays.
  Codes encode(const CleanRow& row) {
    Codes codes;
    if (source_.customer) codes.customer = rows_.customer.values.code(row.of(source_.customer));
    codes.item = code_of(rows_.item, row.of(source_.item));
    for (size_t field = 0; field < source_.fields.size(); ++field) {
      codes.fields.push_back(code_of(rows_.fields[field], row.values[source_.fields[field].slot]));
    }
    return codes;
  }

  // The same without adding a value; none if one is new.
  std::optional<Codes> look_up(const CleanRow& row) const {
    bool known = true;
    const auto code_in = [&](const RawColumn& column, const std::string& value) {
      if (value.empty()) return -1;
      const auto code = column.values.find(value);
      known = known && code;
      return code.value_or(-1);
    };
    Codes codes;
    if (source_.customer) codes.customer = code_in(rows_.customer, row.of(source_.customer));
    codes.item = code_in(rows_.item, row.of(source_.item));
    for (size_t field = 0; field < source_.fields.size(); ++field) {
      codes.fields.push_back(code_in(rows_.fields[field], row.values[source_.fields[field].slot]));
    }
    return known ? std::optional(codes) : std::nullopt;
  }

  void drop_near(const Record& record, const CleanRow& row, int64_t near) {
    const std::optional<Codes> codes = look_up(row);
    if (drop_duplicates_ && codes && is_duplicate(row, *codes)) {
      ++rows_.counts.duplicates;
      return;
    }
    rejects_.add_near_duplicate(rows_.counts, source_.path, record.line,
                                rows_.lines[static_cast<size_t>(near)]);
  }

  // Of a table without texts, where the row of a customer has the customer's number.
  void repeat_customer(const Record& record, const CleanRow& row, size_t customer) {
    if (rows_.identity[customer] == row.identity) {
      ++rows_.counts.duplicates;
      return;
    }
    rejects_.add(rows_.counts, source_.path, record.line,
                 {"customer stands twice with different values",
                  fmt::format("first in line {}", rows_.lines[customer])});
  }

  bool is_duplicate(const CleanRow& row, const Codes& codes) const {
    const auto [first, last] = rows_of_identity_.equal_range(row.identity);
    return std::any_of(first, last, [&](const auto& entry) {
      const auto index = static_cast<size_t>(entry.second);
      bool equal = rows_.texts[index] == row.text.text;
      equal = equal && (!source_.customer || rows_.customer.codes[index] == codes.customer);
      equal = equal && (!source_.item || rows_.item.codes[index] == codes.item);
      equal = equal && (!source_.time || rows_.times[index] == row.time);
      for (size_t field = 0; equal && field < codes.fields.size(); ++field) {
        equal = rows_.fields[field].codes[index] == codes.fields[field];
      }
      return equal;
    });
  }

  void append(const Record& record, CleanRow&& row, const Codes& codes) {
    ++rows_.counts.kept;
    if (drop_duplicates_) rows_of_identity_.emplace(row.identity, rows_.size());
    if (near_) near_->add(rows_.size(), row.bands);
    const int32_t customer =
        source_.customer ? codes.customer : rows_.customer.values.code(std::to_string(rows_.size()));
    rows_.customer.codes.push_back(customer);
    rows_.texts.push_back(std::move(row.text.text));
    rows_.characters.push_back(row.text.characters);
    rows_.scripts.push_back(row.text.script);
    rows_.lines.push_back(record.line);
    rows_.identity.push_back(row.identity);
    if (source_.time) rows_.times.push_back(row.time);
    if (source_.item) rows_.item.codes.push_back(codes.item);
    for (size_t field = 0; field < codes.fields.size(); ++field) {
      rows_.fields[field].codes.push_back(codes.fields[field]);
    }
  }
};

}  // namespace

Problem check_values(const std::vector<FieldPlan>& fields, const std::vector<std::string>& values) {
  for (const FieldPlan& field : fields) {
    const std::string& value = values[field.slot];
    if (value.empty()) {
      if (field.missing == MissingPolicy::reject) return {"missing value", "field " + field.name};
    } else if (field.type == ValueType::number && !parse_number(value)) {
      return {"bad number", "field " + field.name};
    } else if (field.type == ValueType::time && !parse_time(value)) {
      return {"bad time", "field " + field.name};
    }
  }
  return {};
}

Problem check_share_missing(const std::vector<FieldPlan>& fields, const std::vector<std::string>& values,
                            double most) {
  const auto missing = std::count_if(fields.begin(), fields.end(),
                                     [&](const FieldPlan& field) { return values[field.slot].empty(); });
  if (static_cast<double>(missing) <= most * static_cast<double>(fields.size())) return {};
  return {"too many missing values", "more than prepare.max_missing.row"};
}

void fail_without_rows(const std::string& path, const SourceCounts& counts) {
  if (counts.read == 0) fail(ExitCode::bad_data, "{}: has no rows below its header", path);
  std::string reasons;
  for (const auto& [reason, count] : counts.reasons) {
    reasons += fmt::format("{}{} of them: {}", reasons.empty() ? "" : ", ", count, reason);
  }
  fail(ExitCode::bad_data,
       "{}: all {} rows were rejected, the first in line {} ({}); nothing is left to prepare", path,
       counts.read, counts.first_rejected_line, reasons);
}

TextRows read_texts(const SourcePlan& source, const PrepareSettings& settings, int threads,
                    RejectLog& rejects, Heartbeat& heartbeat) {
  TextRows rows;
  Collector collector(source, settings, rejects, rows);
  SourceReading reading(source, settings.clean.max_characters, heartbeat);
  while (true) {
    const std::vector<Record>& block = reading.next_block();
    if (block.empty()) break;
    std::vector<CleanRow> cleaned(block.size());
    constexpr size_t piece = 128;
    const auto pieces = static_cast<int64_t>((block.size() + piece - 1) / piece);
    parallel_for(pieces, threads, [&](int64_t index) {
      const size_t first = static_cast<size_t>(index) * piece;
      for (size_t row = first; row < std::min(block.size(), first + piece); ++row) {
        cleaned[row] = clean_row(block[row], source, settings);
        if (!collector.near() || !cleaned[row].problem.none()) continue;
        const bool all = settings.near_duplicates.within == "all";
        cleaned[row].bands = collector.near()->band_keys(
            cleaned[row].text.text, all ? std::string() : cleaned[row].of(source.customer));
      }
    });
    for (size_t row = 0; row < block.size(); ++row) collector.add(block[row], std::move(cleaned[row]));
  }
  if (rows.size() == 0) fail_without_rows(source.path, rows.counts);
  return rows;
}

}  // namespace limner
