#include "tables/reader.h"

#include "runtime/error.h"
#include "tables/csv.h"
#include "tables/joined.h"
#include "tables/jsonl.h"

namespace limner {

TableFormat table_format(const std::filesystem::path& path, const std::string& setting) {
  std::string kind = setting;
  if (setting == "auto") {
    const auto name = path.extension() == ".gz" ? path.stem() : path.filename();
    kind = name.extension().string();
    if (!kind.empty()) kind.erase(0, 1);
  }
  if (kind == "csv") return TableFormat::csv;
  if (kind == "tsv") return TableFormat::tsv;
  if (kind == "jsonl" || kind == "ndjson") return TableFormat::jsonl;
  fail(ExitCode::bad_config,
       "{}: the name does not tell the format (.csv, .tsv, .jsonl, each also .gz); set "
       "prepare.sources.*.format",
       path.string());
}

std::unique_ptr<TableReader> open_table(const std::filesystem::path& path, TableFormat format,
                                        const std::map<std::string, std::string>& fields,
                                        int64_t max_characters) {
  if (joins_columns(fields)) return open_joined_table(path, format, fields, max_characters);
  switch (format) {
    case TableFormat::csv:
      return std::make_unique<CsvReader>(path, ',', fields, max_characters);
    case TableFormat::tsv:
      return std::make_unique<CsvReader>(path, '\t', fields, max_characters);
    case TableFormat::jsonl:
      return std::make_unique<JsonlReader>(path, fields, max_characters);
  }
  fail(ExitCode::internal, "unknown table format {}", static_cast<int>(format));
}

}  // namespace limner
