#include "prepare/prepare.h"

#include <chrono>
#include <optional>

#include "prepare/joined_rows.h"
#include "prepare/quality.h"
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

std::vector<TypedField> type_fields(const PreparePlan& plan, JoinedRows& joined) {
  std::vector<TypedField> fields;
  for (size_t index = 0; index < plan.texts.fields.size(); ++index) {
    fields.push_back(type_field(plan.texts.fields[index], joined.rows.fields[index], !plan.texts.text));
  }
  for (size_t table = 0; table < joined.tables.size(); ++table) {
    const auto& planned = plan.customers[table].fields;
    for (size_t index = 0; index < planned.size(); ++index) {
      fields.push_back(type_field(planned[index], joined.tables[table].fields[index], true));
    }
  }
  for (size_t index = 0; joined.events && index < plan.events->fields.size(); ++index) {
    fields.push_back(number_field(plan.events->fields[index], std::move(joined.events->values[index])));
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
  fail(ExitCode::bad_config, "prepare.split.stratify: `{}` is no field of rows or customers",
       *settings.stratify);
}

std::vector<Split> draw_split(const Run& run, const JoinedRows& joined) {
  const TextRows& rows = joined.rows;
  const SplitSettings& settings = run.settings.prepare.split;
  const auto seed = static_cast<uint64_t>(run.settings.run.seed);
  if (settings.by == "customer") {
    return split_customers(settings, seed, all_values(rows.customer.values), to_int64(rows.customer.codes));
  }
  return split_rows(settings, seed, rows.identity, find_strata(settings, joined.fields, rows.customer.codes));
}

PreparedTable make_table(const Run& run, const PreparePlan& plan, JoinedRows&& joined, const Fitted& fitted,
                         const std::vector<std::string>& source_sha256) {
  PreparedTable table;
  TextRows& rows = joined.rows;
  table.texts = std::move(rows.texts);
  table.customer = to_int64(rows.customer.codes);
  table.split = std::move(joined.split);
  for (const int64_t line : rows.lines)
    table.source.emplace_back(static_cast<int64_t>(plan.texts.index), line);
  table.time = std::move(rows.times);
  for (const int32_t code : rows.item.codes) {
    table.items.push_back(code < 0 ? std::string() : rows.item.values[code]);
  }
  table.customer_ids = all_values(rows.customer.values);
  for (TypedField& field : joined.fields) {
    table.fields.push_back(std::move(field.field));
    table.values.push_back(std::move(field.values));
  }
  for (const SourceSettings& source : run.settings.prepare.sources) table.source_names.push_back(source.path);
  table.source_sha256 = source_sha256;
  table.fitted = to_json(fitted).dump();
  table.settings_sha256 =
      sha256(print_section(run.settings, "prepare") + "seed: " + std::to_string(run.settings.run.seed));
  return table;
}

// Reads every source, and joins.
JoinedRows read_sources(const Run& run, const PreparePlan& plan, RejectLog& rejects, Heartbeat& heartbeat) {
  const PrepareSettings& settings = run.settings.prepare;
  JoinedRows joined;
  joined.rows = read_texts(plan.texts, settings, run.threads(), rejects, heartbeat);
  check_counts(plan.texts.path, joined.rows.counts);
  for (const SourcePlan& source : plan.customers) {
    joined.tables.push_back(
        read_customer_table(source, settings, joined.rows.customer.values, rejects, heartbeat));
    check_counts(source.path, joined.tables.back().counts);
  }
  if (plan.events) {
    joined.events = read_events(*plan.events, settings, joined.rows.customer.values, rejects, heartbeat);
    check_counts(plan.events->source.path, joined.events->counts);
  }
  return joined;
}

Fitted collect_fitted(const JoinedRows& joined, const std::vector<DroppedColumn>& dropped) {
  Fitted fitted;
  for (const TypedField& field : joined.fields) fitted.fields[field.field.name] = field.fitted;
  for (const DroppedColumn& column : dropped) fitted.dropped.push_back(column.name);
  return fitted;
}

void prepare_on_root(const Run& run, Heartbeat& heartbeat) {
  const auto started = std::chrono::steady_clock::now();
  const PrepareSettings& settings = run.settings.prepare;
  PreparePlan plan = make_plan(settings);
  std::optional<Fitted> given;
  if (settings.fitted_from) {
    given = load_fitted(*settings.fitted_from);
    adopt_types(plan, *given);
  }
  std::vector<std::string> source_sha256;
  for (const SourceSettings& source : settings.sources) {
    source_sha256.push_back(sha256_file(source.path));
    heartbeat.beat();
  }

  FolderWriter folder(run.prepared().parent_path());
  RejectLog rejects(folder.path() / "rejects.jsonl");
  JoinedRows joined = read_sources(run, plan, rejects, heartbeat);
  joined.fields = type_fields(plan, joined);
  joined.split = draw_split(run, joined);
  const std::vector<DroppedColumn> dropped =
      treat_fields(joined, plan, settings, given ? &*given : nullptr, rejects);
  rejects.publish();
  check_counts(plan.texts.path, joined.rows.counts);
  heartbeat.beat();

  const Prepared prepared{settings, plan, joined, dropped, source_sha256};
  write_json(folder.path() / "quality.json", describe_quality(prepared));
  for (const Warning& warning : find_warnings(prepared)) log_warning("prepare: {}", warning.message);

  const SourceCounts counts = joined.rows.counts;
  const int64_t customers = joined.rows.customer.values.size();
  const Fitted fitted = collect_fitted(joined, dropped);
  write_prepared(folder.path() / "prepared.h5",
                 make_table(run, plan, std::move(joined), fitted, source_sha256));
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
