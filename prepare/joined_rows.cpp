#include "prepare/joined_rows.h"

#include <algorithm>
#include <numeric>

#include "prepare/treatment.h"
#include "runtime/error.h"

namespace limner {

namespace {

// Training rows, and the customers who have one.
struct Training {
  std::vector<bool> rows, customers;

  explicit Training(const JoinedRows& joined)
      : customers(static_cast<size_t>(joined.rows.customer.values.size()), false) {
    for (size_t row = 0; row < joined.split.size(); ++row) {
      rows.push_back(joined.split[row] == Split::train);
      if (rows.back()) customers[static_cast<size_t>(joined.rows.customer.codes[row])] = true;
    }
  }
  const std::vector<bool>& of(const TypedField& field) const {
    return field.field.of_customer ? customers : rows;
  }
};

double share_missing(const TypedField& field, const std::vector<bool>& known) {
  int64_t entries = 0, missing = 0;
  for (size_t entry = 0; entry < known.size(); ++entry) {
    if (!known[entry]) continue;
    ++entries;
    missing += field.is_missing(entry) ? 1 : 0;
  }
  return entries == 0 ? 0.0 : static_cast<double>(missing) / static_cast<double>(entries);
}

std::vector<DroppedColumn> drop_columns(JoinedRows& joined, const Training& training, double most,
                                        const Fitted* given) {
  std::vector<DroppedColumn> dropped;
  std::erase_if(joined.fields, [&](const TypedField& field) {
    const std::string& name = field.field.name;
    const double missing = share_missing(field, training.of(field));
    const bool drops =
        given ? std::find(given->dropped.begin(), given->dropped.end(), name) != given->dropped.end()
              : missing > most;
    if (drops) dropped.push_back({name, missing});
    return drops;
  });
  return dropped;
}

// Rejects the rows that a field's `action: drop` is for; true if there were any.
bool drop_outliers(JoinedRows& joined, const SourcePlan& source, RejectLog& rejects) {
  std::vector<bool> kept(joined.split.size(), true);
  SourceCounts& counts = joined.rows.counts;
  for (size_t row = 0; row < kept.size(); ++row) {
    for (const TypedField& field : joined.fields) {
      if (!field.plan.outliers || field.plan.outliers->action != OutlierAction::drop || field.outliers == 0)
        continue;
      const auto entry = field.field.of_customer ? static_cast<size_t>(joined.rows.customer.codes[row]) : row;
      if (!is_outlier(field, field.values.numbers[entry])) continue;
      kept[row] = false;
      --counts.kept;
      rejects.add(counts, source.path, joined.rows.lines[row], {"outlier", "field " + field.field.name});
      break;
    }
  }
  if (counts.kept == 0) fail_without_rows(source.path, counts);
  if (std::find(kept.begin(), kept.end(), false) == kept.end()) return false;
  keep_rows(joined, kept);
  return true;
}

template <class Value>
void keep_marked(std::vector<Value>& values, const std::vector<bool>& kept) {
  if (values.empty()) return;  // a column that the table has not
  size_t next = 0;
  for (size_t index = 0; index < kept.size(); ++index) {
    if (!kept[index]) continue;
    if (next != index) values[next] = std::move(values[index]);
    ++next;
  }
  values.resize(next);
}

template <class Value>
void take(std::vector<Value>& values, const std::vector<int32_t>& order) {
  if (values.empty()) return;
  std::vector<Value> taken;
  taken.reserve(order.size());
  for (const int32_t index : order) taken.push_back(std::move(values[static_cast<size_t>(index)]));
  values = std::move(taken);
}

// The customers who are left, in the order of their first row; their new codes go into the column.
std::vector<int32_t> recode_customers(RawColumn& customer) {
  RawColumn left;
  std::vector<int32_t> order, new_codes(static_cast<size_t>(customer.values.size()), -1);
  for (const int32_t code : customer.codes) {
    int32_t& new_code = new_codes[static_cast<size_t>(code)];
    if (new_code < 0) {
      new_code = left.values.code(customer.values[code]);
      order.push_back(code);
    }
    left.codes.push_back(new_code);
  }
  customer = std::move(left);
  return order;
}

void keep_customers(CustomerTable& table, const std::vector<int32_t>& order) {
  const auto present = [&] { return std::count(table.present.begin(), table.present.end(), true); };
  const auto before = present();
  std::vector<bool> left;
  for (const int32_t customer : order) left.push_back(table.present[static_cast<size_t>(customer)]);
  table.present = std::move(left);
  const auto gone = before - present();
  table.counts.kept -= gone;
  table.counts.without_texts += gone;
}

void keep_customers(EventTable& table, const std::vector<int32_t>& order) {
  const auto sum = [&] { return std::accumulate(table.events.begin(), table.events.end(), int64_t{0}); };
  const int64_t before = sum();
  take(table.events, order);
  const int64_t gone = before - sum();
  table.counts.kept -= gone;
  table.counts.without_texts += gone;
}

}  // namespace

void keep_rows(JoinedRows& joined, const std::vector<bool>& kept) {
  TextRows& rows = joined.rows;
  keep_marked(rows.texts, kept);
  keep_marked(rows.characters, kept);
  keep_marked(rows.scripts, kept);
  keep_marked(rows.lines, kept);
  keep_marked(rows.identity, kept);
  keep_marked(rows.times, kept);
  keep_marked(rows.item.codes, kept);
  keep_marked(rows.customer.codes, kept);
  keep_marked(joined.split, kept);
  const std::vector<int32_t> order = recode_customers(rows.customer);
  for (CustomerTable& table : joined.tables) keep_customers(table, order);
  if (joined.events) keep_customers(*joined.events, order);
  for (TypedField& field : joined.fields) {
    FieldValues& values = field.values;
    if (field.field.of_customer) {
      take(values.numbers, order);
      take(values.codes, order);
      take(values.multi_codes, order);
    } else {
      keep_marked(values.numbers, kept);
      keep_marked(values.codes, kept);
      keep_marked(values.multi_codes, kept);
    }
    field.count_missing();
  }
}

void adopt_types(PreparePlan& plan, const Fitted& given) {
  const auto adopt = [&](FieldPlan& field) {
    if (std::find(given.dropped.begin(), given.dropped.end(), field.name) != given.dropped.end()) return;
    const auto known = given.fields.find(field.name);
    if (known == given.fields.end()) {
      fail(ExitCode::bad_config, "prepare.fitted_from: holds nothing about the field `{}`; leave it out",
           field.name);
    }
    const FittedField& fitted = known->second;
    if (field.type != ValueType::automatic && field.type != fitted.type) {
      fail(ExitCode::bad_config, "prepare.types.{}: is {}, in prepare.fitted_from it was {}", field.name,
           value_type_name(field.type), value_type_name(fitted.type));
    }
    field.type = fitted.type;
    if (treatment_words(field) == fitted.treatment) return;
    fail(ExitCode::bad_config,
         "prepare.fitted_from: the field `{}` was treated as `{}` there and is to be treated as `{}` here; "
         "make missing, outliers and scaling the same",
         field.name, fitted.treatment, treatment_words(field));
  };
  for (FieldPlan& field : plan.texts.fields) adopt(field);
  for (SourcePlan& source : plan.customers) {
    for (FieldPlan& field : source.fields) adopt(field);
  }
  if (!plan.events) return;
  for (FieldPlan& field : plan.events->fields) adopt(field);
}

std::vector<DroppedColumn> treat_fields(JoinedRows& joined, const PreparePlan& plan,
                                        const PrepareSettings& settings, const Fitted* given,
                                        RejectLog& rejects) {
  Training training(joined);
  std::vector<DroppedColumn> dropped = drop_columns(joined, training, settings.max_missing.column, given);
  for (TypedField& field : joined.fields) {
    if (given) field.fitted = given->fields.at(field.field.name);
    treat_outliers(field, training.of(field));
  }
  if (drop_outliers(joined, plan.texts, rejects)) training = Training(joined);
  const RowTimes times{joined.rows.customer.codes, joined.rows.times, joined.split,
                       static_cast<int32_t>(joined.rows.customer.values.size())};
  for (TypedField& field : joined.fields) {
    interpolate(field, times);
    fill_missing(field, training.of(field));
    scale(field, training.of(field));
  }
  return dropped;
}

}  // namespace limner
