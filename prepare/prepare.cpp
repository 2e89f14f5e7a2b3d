#include "prepare/prepare.h"

#include <chrono>

#include "prepare/customers.h"
#include "prepare/fields.h"
#include "prepare/quality.h"
#include "prepare/rows.h"
#include "prepare/split.h"
#include "runtime/error.h"
#include "runtime/files.h"
#include "runtime/log.h"

namespace limner {

namespace {

// read = kept + duplicates + rejected (+ customers without texts), for every source.
void check_counts(const std::string& path, const SourceCounts& counts) {
  require(counts.read == counts.kept + counts.duplicates + counts.rejected + counts.without_texts,
          "{}: {} rows were read, but {} kept, {} duplicates, {} rejected and {} without texts", path,
          counts.read, counts.kept, counts.duplicates, counts.rejected, counts.without_texts);
}

std::vector<int64_t> to_int64(const std::vector<int32_t>& codes) { return {codes.begin(), codes.end()}; }

std::vector<std::string> all_values(const Distinct& distinct) {
  std::vector<std::string> values;
  values.reserve(static_cast<size_t>(distinct.size()));
  for (int64_t code = 0; code < distinct.size(); ++code) values.push_back(distinct[code]);
  return values;
}

std::vector<TypedField> type_fields(const PreparePlan& plan, const TextRows& rows,
                                    const std::vector<CustomerTable>& tables) {
  std::vector<TypedField> fields;
  for (size_t index = 0; index < plan.texts.fields.size(); ++index) {
    fields.push_back(type_field(plan.texts.fields[index], rows.fields[index], false));
  }
  for (size_t table = 0; table < tables.size(); ++table) {
    const auto& planned = plan.customers[table].fields;
    for (size_t index = 0; index < planned.size(); ++index) {
      fields.push_back(type_field(planned[index], tables[table].fields[index], true));
    }
  }
  return fields;
}

// One stratum a row, or none.
std::vector<int32_t> find_strata(const SplitSettings& settings, const std::vector<TypedField>& fields,
                                 const std::vector<int32_t>& customer) {
  if (!settings.stratify) return {};
  for (const TypedField& field : fields) {
    if (field.field.name != *settings.stratify) continue;
    if (field.field.type != FieldType::category) {
      fail(ExitCode::bad_config,
           "prepare.split.stratify: field `{}` is of type {}, a category is wanted; set prepare.types.{}: "
           "category",
           field.field.name, value_type_name(field.type), field.field.name);
    }
    if (!field.field.of_customer) return field.values.codes;
    std::vector<int32_t> strata;
    for (const int32_t index : customer) strata.push_back(field.values.codes[static_cast<size_t>(index)]);
    return strata;
  }
  fail(ExitCode::internal, "no field {} to stratify by", *settings.stratify);
}

std::vector<Split> draw_split(const Run& run, const TextRows& rows, const std::vector<TypedField>& fields) {
  const SplitSettings& settings = run.settings.prepare.split;
  const auto seed = static_cast<uint64_t>(run.settings.run.seed);
  if (settings.by == "customer") {
    return split_customers(settings, seed, all_values(rows.customer.values), to_int64(rows.customer.codes));
  }
  return split_rows(settings, seed, rows.identity, find_strata(settings, fields, rows.customer.codes));
}

void fill_fields(std::vector<TypedField>& fields, const TextRows& rows, const std::vector<Split>& split) {
  std::vector<bool> rows_known, customers_known(static_cast<size_t>(rows.customer.values.size()), false);
  for (size_t row = 0; row < split.size(); ++row) {
    const bool known = split[row] == Split::train;
    rows_known.push_back(known);
    if (known) customers_known[static_cast<size_t>(rows.customer.codes[row])] = true;
  }
  for (TypedField& field : fields)
    fill_missing(field, field.field.of_customer ? customers_known : rows_known);
}

PreparedTable make_table(const Run& run, const PreparePlan& plan, TextRows&& rows,
                         std::vector<TypedField>&& fields, const std::vector<Split>& split,
                         const std::vector<std::string>& source_sha256) {
  PreparedTable table;
  table.texts = std::move(rows.texts);
  table.customer = to_int64(rows.customer.codes);
  table.split = split;
  for (const int64_t line : rows.lines)
    table.source.emplace_back(static_cast<int64_t>(plan.texts.index), line);
  table.time = std::move(rows.times);
  for (const int32_t code : rows.item.codes) {
    table.items.push_back(code < 0 ? std::string() : rows.item.values[code]);
  }
  table.customer_ids = all_values(rows.customer.values);
  for (TypedField& field : fields) {
    table.fields.push_back(std::move(field.field));
    table.values.push_back(std::move(field.values));
  }
  for (const SourceSettings& source : run.settings.prepare.sources) table.source_names.push_back(source.path);
  table.source_sha256 = source_sha256;
  table.settings_sha256 =
      sha256(print_section(run.settings, "prepare") + "seed: " + std::to_string(run.settings.run.seed));
  return table;
}

void prepare_on_root(const Run& run, Heartbeat& heartbeat) {
  const auto started = std::chrono::steady_clock::now();
  const PrepareSettings& settings = run.settings.prepare;
  const PreparePlan plan = make_plan(settings);
  std::vector<std::string> source_sha256;
  for (const SourceSettings& source : settings.sources) {
    source_sha256.push_back(sha256_file(source.path));
    heartbeat.beat();
  }

  FolderWriter folder(run.prepared().parent_path());
  RejectLog rejects(folder.path() / "rejects.jsonl");
  TextRows rows = read_texts(plan.texts, settings, run.threads(), rejects, heartbeat);
  check_counts(plan.texts.path, rows.counts);
  std::vector<CustomerTable> tables;
  for (const SourcePlan& source : plan.customers) {
    tables.push_back(read_customer_table(source, settings, rows.customer.values, rejects, heartbeat));
    check_counts(source.path, tables.back().counts);
  }
  rejects.publish();

  std::vector<TypedField> fields = type_fields(plan, rows, tables);
  const std::vector<Split> split = draw_split(run, rows, fields);
  fill_fields(fields, rows, split);
  heartbeat.beat();
  const Prepared prepared{settings, plan, rows, tables, fields, split, source_sha256};
  write_json(folder.path() / "quality.json", describe_quality(prepared));
  for (const std::string& warning : find_warnings(prepared)) log_warning("prepare: {}", warning);

  const SourceCounts counts = rows.counts;
  const int64_t customers = rows.customer.values.size();
  write_prepared(folder.path() / "prepared.h5",
                 make_table(run, plan, std::move(rows), std::move(fields), split, source_sha256));
  folder.publish();
  log_info("prepare: {} rows read, {} prepared ({} customers), {} duplicates dropped, {} rejected, {:.1f} s",
           counts.read, counts.kept, customers, counts.duplicates, counts.rejected,
           std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count());
}

}  // namespace

void prepare(const Run& run) {
  work_on_root(run.communicator, "prepare", [&](Heartbeat& heartbeat) { prepare_on_root(run, heartbeat); });
}

}  // namespace limner
